// node make.mjs ROWS DIM FOLDER [SEED]: writes a file set of made-up people.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'

const BATCH_ROWS = 4096

const [rows, dim, folder = '', seed] = process.argv.slice(2)
const people = new People(Number(rows), Number(dim), Number(seed ?? 1))

function* batches() {
  for (let start = 0; start < people.rows; start += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, people.rows - start)
    const embeddings = new Float32Array(count * people.dim)
    for (let i = 0; i < count; i++)
      people.embed(start + i, embeddings.subarray(i * people.dim, (i + 1) * people.dim))
    yield {
      indices: Uint32Array.from({ length: count }, (_, i) => start + i),
      paths: Array.from({ length: count }, (_, i) => people.pathOf(start + i)),
      embeddings,
      dim: people.dim,
      normalized: false,
    }
  }
}

await pipeline(Readable.from(batches()), shardEmbeddings({ output: folder }))
console.log(`${people.rows} embeddings of ${people.dim} numbers in ${folder}`)
