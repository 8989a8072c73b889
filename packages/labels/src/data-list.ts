import { NO_CLASS, type LabelRecord } from '@facekit/core'
import { className, type NamedClustering } from './class-names.js'
import { rowsOf, type PathSource } from './labelled-rows.js'

/** The records of `data_list.npy`: one per image that is in a class, in the order of the rows. */
export async function* dataList(
  paths: PathSource,
  clustering: NamedClustering,
): AsyncGenerator<LabelRecord[]> {
  for await (const batch of rowsOf(paths, clustering)) {
    yield batch.paths.flatMap((path, i) => {
      const number = clustering.classOf[batch.firstRow + i]!
      return number === NO_CLASS ? [] : [{ folder: className(clustering.numbers[number]!), file_path: path }]
    })
  }
}
