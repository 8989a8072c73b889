// node make.mjs ROWS DIM FOLDER [SEED]: writes a file set of made-up people.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'

const [rows, dim, folder = '', seed] = process.argv.slice(2)
const people = new People(Number(rows), Number(dim), { seed: Number(seed ?? 1) })

await pipeline(Readable.from(people.batches()), shardEmbeddings({ output: folder }))
console.log(`${people.rows} embeddings of ${people.dim} numbers in ${folder}`)
