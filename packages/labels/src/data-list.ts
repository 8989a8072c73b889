import { NO_CLASS, type Clustering, type LabelRecord } from '@facekit/core'
import { className } from './class-names.js'
import { rowsOf, type PathSource } from './labelled-rows.js'

/** The records of `data_list.npy`: one per image that is in a class, in the order of the rows. */
export async function* dataList(paths: PathSource, clustering: Clustering): AsyncGenerator<LabelRecord[]> {
  for await (const batch of rowsOf(paths, clustering)) {
    yield batch.paths.flatMap((path, i) => {
      const number = clustering.classOf[batch.firstRow + i]!
      return number === NO_CLASS ? [] : [{ folder: className(number), file_path: path }]
    })
  }
}
