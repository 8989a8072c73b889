import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'

/** Writes embeddings of made-up people as a file set. */
export async function writePeople(folder: string, rows: number, dim: number): Promise<People> {
  const people = new People(rows, dim)
  await pipeline(Readable.from(people.batches()), shardEmbeddings({ output: folder }))
  return people
}
