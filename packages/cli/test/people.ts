import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'

/** Writes embeddings of made-up people as a file set. */
export async function writePeople(folder: string, rows: number, dim: number): Promise<People> {
  const people = new People(rows, dim)
  const batchRows = 1024
  function* batches() {
    for (let start = 0; start < rows; start += batchRows) {
      const count = Math.min(batchRows, rows - start)
      const embeddings = new Float32Array(count * dim)
      for (let i = 0; i < count; i++) people.embed(start + i, embeddings.subarray(i * dim, (i + 1) * dim))
      const indices = Uint32Array.from({ length: count }, (_, i) => start + i)
      const paths = Array.from(indices, (row) => people.pathOf(row))
      yield { indices, paths, embeddings, dim, normalized: false }
    }
  }
  await pipeline(Readable.from(batches()), shardEmbeddings({ output: folder }))
  return people
}
