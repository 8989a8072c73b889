import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { openFileSet, shardEmbeddings, UnitRows } from '../src/index.js'

const parent = mkdtempSync(join(tmpdir(), 'facekit-unit-rows-'))
afterAll(() => rmSync(parent, { recursive: true }))

describe('UnitRows', () => {
  const DIM = 5
  const ROWS = 64
  const random = seededRandom(61)
  const embeddings = Float32Array.from({ length: ROWS * DIM }, () => 10 * random() - 5)
  embeddings.fill(0, 3 * DIM, 4 * DIM)
  embeddings[7 * DIM + 1] = NaN
  embeddings[8 * DIM + 2] = Infinity

  const unit = (row: number) => {
    const values = embeddings.subarray(row * DIM, (row + 1) * DIM)
    const length = Math.hypot(...values)
    return length > 0 && Number.isFinite(length)
      ? Array.from(values, (value) => value / length)
      : Array.from(values, () => 0)
  }

  // One file; more files than stay open.
  it.each([ROWS, 7])('reads rows of length 1 by position, from sets of %i rows', async (splitThreshold) => {
    const output = join(parent, String(splitThreshold))
    const batch = {
      indices: Uint32Array.from({ length: ROWS }, (_, i) => i),
      paths: Array.from({ length: ROWS }, (_, i) => `${i}.jpg`),
      embeddings,
      dim: DIM,
      normalized: false,
    }
    await pipeline(Readable.from([batch]), shardEmbeddings({ output, splitThreshold }))
    const rows = new UnitRows(await openFileSet(output))
    expect([rows.rows, rows.dim]).toEqual([ROWS, DIM])
    for (let round = 0; round < 50; round++) {
      const start = Math.floor(random() * ROWS)
      const end = start + Math.floor(random() * (ROWS + 1 - start))
      const into = new Float32Array((end - start) * DIM).fill(9)
      await rows.readUnits(start, end, into)
      const expected = Array.from({ length: end - start }, (_, i) => unit(start + i)).flat()
      expect(into.length).toBe(expected.length)
      into.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6))
    }
    await rows.close()
  })
})
