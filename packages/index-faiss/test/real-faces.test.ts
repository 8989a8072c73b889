import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CODE_RANGES, multipliesExactly } from '@facekit/devices'
import { describe, expect, it } from 'vitest'
import { chooseEngine, type Engine } from '../src/index.js'
import { edgesOfCosines } from './brute-force.js'
import { findCodedEdges, findEdges, galleryOf } from './find-edges.js'

// FAISS's threads wait busily for one another, which takes seconds where other tests run beside them.
process.env.OMP_NUM_THREADS ??= '1'

const FOLDER = fileURLToPath(new URL('../../../../shared/fixtures/embeddings/', import.meta.url))
const ROWS = 1200

const engines: Engine[] = ['screened', 'tiles']
if (
  await chooseEngine('faiss').then(
    () => true,
    () => false,
  )
)
  engines.push('faiss')

/** The first rows of an NPY file of float16 numbers. */
function readRows(file: string, count: number): Float32Array[] {
  const bytes = readFileSync(file)
  const start = 10 + bytes.readUInt16LE(8)
  const dim = Number(/'shape': \(\d+, (\d+)\)/.exec(bytes.toString('latin1', 10, start))![1])
  return Array.from({ length: count }, (_row, row) =>
    Float32Array.from({ length: dim }, (_, i) => fromHalf(bytes.readUInt16LE(start + 2 * (row * dim + i)))),
  )
}

function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 31
  const size = exponent === 0 ? (bits & 1023) / 2 ** 24 : (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -size : size
}

describe.skipIf(!existsSync(FOLDER))('embeddings of real faces', () => {
  it.each(['faceplugin-512', 'mobilefacenet-128', 'weak-128'])(
    '(%s) have the same edges from every engine and range of codes, along any axes',
    async (model) => {
      const rows = readRows(`${FOLDER}${model}/final_embs.npy`, ROWS)
      const dim = rows[0]!.length
      const wishes = []
      for (const range of CODE_RANGES) {
        if (!(await multipliesExactly(range))) continue
        wishes.push({ range }, { range, components: dim / 2 }, { range, components: dim / 4, rotated: true })
      }
      const edgesAt = edgesOfCosines(rows)
      for (const threshold of [0.45, 0.6, 0.7, 0.9]) {
        const options = { threshold, topK: 20 }
        const expected = edgesAt(threshold, 20)
        expect(expected.length).toBeGreaterThan(threshold < 0.9 ? 300 : 0)
        for (const engine of engines)
          expect(await findEdges(galleryOf(rows, dim), { ...options, engine }), engine).toEqual(expected)
        for (const wish of wishes) {
          const { edges } = await findCodedEdges(galleryOf(rows, dim), options, wish)
          expect(edges, JSON.stringify(wish)).toEqual(expected)
        }
      }
    },
    120_000,
  )
})
