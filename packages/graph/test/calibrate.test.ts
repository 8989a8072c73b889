import type { EmbeddingReader } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { calibrate } from '../src/index.js'
import { faces, readerOf, unit } from './communities-reference.js'

/** Median and 84.13 % quantile of all pairs. */
function ofAllPairs({ rows, dim, readUnits }: EmbeddingReader): { median: number; spread: number } {
  const values = new Float32Array(rows * dim)
  void readUnits(0, rows, values)
  const cosines: number[] = []
  for (let a = 0; a < rows; a++)
    for (let b = 0; b < a; b++) {
      let sum = 0
      for (let k = 0; k < dim; k++) sum += values[a * dim + k]! * values[b * dim + k]!
      cosines.push(sum)
    }
  cosines.sort((a, b) => a - b)
  const at = (share: number) => cosines[Math.round(share * (cosines.length - 1))]!
  return { median: at(0.5), spread: at(0.8413) - at(0.5) }
}

describe('a calibration', () => {
  it('finds the median and the spread of strangers', async () => {
    const reader = readerOf(faces(600, 2, 64, 0.7, 51).values, 64)
    const all = ofAllPairs(reader)
    const found = await calibrate(reader, { pairs: 200_000 })
    expect(found.doubt).toBeUndefined()
    expect(found.pairs).toBe(200_000)
    expect(found.median).toBeCloseTo(all.median, 2)
    expect(found.spread).toBeCloseTo(all.spread, 2)
    expect(found.threshold).toBeCloseTo(found.median + 4.6 * found.spread, 12)
  })

  it('takes all pairs where they are fewer', async () => {
    const reader = readerOf(faces(150, 1, 64, 0.7, 52).values, 64)
    const all = ofAllPairs(reader)
    const found = await calibrate(reader)
    expect(found.pairs).toBe((150 * 149) / 2)
    expect(found.median).toBeCloseTo(all.median, 5)
    expect(found.spread).toBeCloseTo(all.spread, 4)
  })

  it('is the same for the same seed, and little else for another', async () => {
    const reader = readerOf(faces(500, 2, 64, 0.7, 53).values, 64)
    const [first, second, other] = [1, 1, 2].map((seed) => calibrate(reader, { pairs: 100_000, seed }))
    expect(await second).toEqual(await first)
    expect((await other)!.threshold).not.toBe((await first)!.threshold)
    expect((await other)!.threshold).toBeCloseTo((await first)!.threshold, 1)
  })

  it('reads rows in ascending order, some of many', async () => {
    const random = seededRandom(54)
    const row = (at: number) => unit(4, seededRandom(at))
    const reads: [number, number][] = []
    const reader: EmbeddingReader = {
      rows: 400_000,
      dim: 4,
      readUnits: async (start, end, into) => {
        reads.push([start, end])
        for (let at = start; at < end; at++) into.set(row(at), (at - start) * 4)
      },
    }
    const { pairs } = await calibrate(reader, { pairs: 50_000, seed: Math.floor(random() * 1000) })
    expect(pairs).toBe(50_000)
    const turns = reads.filter(([start], i) => i > 0 && start < reads[i - 1]![1]).length
    expect(turns).toBe(3)
    expect(reads.every(([start, end]) => start < end && end - start <= 256 && end <= 400_000)).toBe(true)
  })

  it('passes over rows that are zeros or NaN', async () => {
    const { values } = faces(300, 1, 16, 0.7, 55)
    const usable = await calibrate(readerOf(values.slice(), 16))
    const holed = new Float32Array(values.length * 2)
    for (let row = 0; row < 300; row++) {
      holed.set(values.subarray(row * 16, (row + 1) * 16), row * 32)
      holed.fill(row % 2 === 0 ? 0 : NaN, row * 32 + 16, row * 32 + 32)
    }
    expect(await calibrate(readerOf(holed, 16))).toEqual(usable)
  })

  it('is stopped by a signal', async () => {
    const reason = new Error('stopped')
    const reader = readerOf(faces(200, 1, 8, 0.7, 56).values, 8)
    await expect(calibrate(reader, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it.each([
    ['pairs', { pairs: 0 }],
    ['seed', { seed: 0.5 }],
  ])('checks %s', async (name, options) => {
    await expect(calibrate(readerOf(new Float32Array(8), 4), options)).rejects.toThrow(name)
  })
})

describe('pairs that are no strangers are doubted', () => {
  const identical = () => {
    const row = unit(16, seededRandom(57))
    return Float32Array.from({ length: 200 * 16 }, (_, i) => row[i % 16]!)
  }
  it.each<[string, EmbeddingReader, RegExp]>([
    ['no rows', readerOf(new Float32Array(0), 16), /^0 usable/],
    ['one row', readerOf(faces(1, 1, 16, 0.7, 58).values, 16), /^1 usable/],
    ['few rows', readerOf(faces(40, 2, 16, 0.7, 58).values, 16), /^80 usable/],
    ['rows of zeros', readerOf(new Float32Array(200 * 16), 16), /^0 usable/],
    ['one row over and over', readerOf(identical(), 16), /same cosine/],
    ['directions of the plane', readerOf(faces(300, 1, 2, 0.7, 58).values, 2), /strangers would end at/],
    ['one person', readerOf(faces(1, 300, 64, 0.7, 59).values, 64), /few persons/],
    ['two persons', readerOf(faces(2, 150, 64, 0.7, 60).values, 64), /few persons/],
    ['three persons', readerOf(faces(3, 100, 64, 0.7, 61).values, 64), /few persons/],
    ['five persons', readerOf(faces(5, 100, 64, 0.7, 61).values, 64), /few persons/],
  ])('%s: the threshold is 0.5', async (_case, reader, doubt) => {
    const found = await calibrate(reader, { pairs: 20_000 })
    expect(found.doubt).toMatch(doubt)
    expect(found.threshold).toBe(0.5)
  })

  it('ten persons: the threshold is near that of strangers', async () => {
    const found = await calibrate(readerOf(faces(10, 50, 64, 0.7, 1).values, 64), { pairs: 50_000 })
    const strangers = await calibrate(readerOf(faces(500, 1, 64, 0.7, 63).values, 64), { pairs: 50_000 })
    expect(found.doubt).toMatch(/one person/)
    expect(strangers.doubt).toBeUndefined()
    expect(Math.abs(found.threshold - strangers.threshold)).toBeLessThan(0.15)
  })
})
