import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { FacekitError } from '@facekit/core'
import { CODE_RANGES, multipliesExactly, type CodeRange } from '@facekit/devices'
import { Gallery, searchNeighbors } from '../src/index.js'
import { bruteForceEdges, cosineOf, edgesOfCosines, normalRows } from './brute-force.js'
import { findCodedEdges, findEdges, galleryOf } from './find-edges.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-search-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A row whose cosine with `row` is about `cosine`. */
function near(row: Float32Array, cosine: number, random: () => number): Float32Array {
  const length = Math.hypot(...row)
  const noise = row.map(() => random() - 0.5)
  const along = row.reduce((sum, value, i) => sum + (value / length) * noise[i]!, 0)
  const across = noise.map((value, i) => value - (along * row[i]!) / length)
  const scale = Math.sqrt(1 - cosine ** 2) / Math.hypot(...across)
  return row.map((value, i) => (cosine * value) / length + scale * across[i]!)
}

/** float32 numbers beside another. */
function neighbours(value: number): { below: number; above: number } {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  const at = (pattern: number) => new Float32Array(Uint32Array.of(pattern).buffer)[0]!
  return { below: at(bits - 1), above: at(bits + 1) }
}

// Of the ranges that codes may have, those that this processor multiplies exactly; DeviceKernel, whose products are of
// float32 numbers, is tested with the widest on any.
const ranges: CodeRange[] = []
for (const range of CODE_RANGES) if (await multipliesExactly(range)) ranges.push(range)

describe('the screened search misses nothing and adds nothing', () => {
  it('in many random cases, however rows are coded', async () => {
    const random = seededRandom(2024)
    const pick = <T>(...values: T[]) => values[Math.floor(random() * values.length)]!
    const all = rounds(400, 4000)
    let rotatedRounds = 0
    for (let round = 0; round < all; round++) {
      const isLarge = round % 10 === 0
      const dim = 2 + Math.floor(random() * (isLarge ? 599 : 60))
      const rows = normalRows(random, 2 + Math.floor(random() * (isLarge ? 300 : 120)), dim, {
        perIdentity: pick(1, 3, 20),
        spread: pick(0.1, 0.5, 2),
      })
      rows.forEach((row, i) => {
        const kind = random()
        if (kind < 0.05) row.fill(0)
        else if (kind < 0.1 && i > 0) row.set(rows[Math.floor(random() * i)]!)
        else if (kind < 0.12) row[0] = NaN
      })
      const threshold = pick(-1, -0.2, 0, 0.3, 0.7, 0.9, 1, 2 * random() - 1)
      const topK = pick(2, 3, 10, 100, Infinity)
      const components = pick(undefined, dim, 1 + Math.floor(random() * dim))
      const rotated = components !== undefined && random() < 0.5
      const wish = { range: pick(...ranges), rotated, ...(components && { components }) }
      const label = `round ${round}: ${rows.length}×${dim}, threshold ${threshold}, topK ${topK}, ${JSON.stringify(wish)}`
      const { edges, screen } = await findCodedEdges(galleryOf(rows, dim), { threshold, topK }, wish)
      expect(edges, label).toEqual(bruteForceEdges(rows, threshold, topK))
      expect(screen.maxCode, label).toBe(wish.range.max)
      // Rows of zeros have no axes of their own.
      if (screen.rotated) rotatedRounds++
      expect(screen.rotated && !rotated, label).toBe(false)
    }
    expect(rotatedRounds).toBeGreaterThan(all / 5)
  }, 900_000)

  it('where pairs sit on the threshold', async () => {
    const random = seededRandom(31)
    const rows: Float32Array[] = []
    for (let i = 0; i < 100; i++) {
      const row = Float32Array.from({ length: 512 }, () => random() - 0.5)
      rows.push(row, near(row, 0.7, random))
    }
    const edgesAt = edgesOfCosines(rows)
    for (let pair = 0; pair < 100; pair += 11) {
      const cosine = cosineOf(rows[2 * pair]!, rows[2 * pair + 1]!)
      const { below, above } = neighbours(cosine)
      const wishes = [{}, { components: 192 }, { components: 192, rotated: true }]
      for (const threshold of [below, cosine, above]) {
        const expected = edgesAt(threshold, 10)
        expect(expected.includes(`${2 * pair}-${2 * pair + 1}`)).toBe(threshold <= cosine)
        const wish = { range: ranges[pair % ranges.length]!, ...wishes[pair % wishes.length] }
        const { edges } = await findCodedEdges(galleryOf(rows, 512), { threshold, topK: 10 }, wish)
        expect(edges).toEqual(expected)
      }
    }
  })

  it.each([
    ['one huge component', (row: Float32Array) => (row[3] = 1e4)],
    [
      'components of wildly different size',
      (row: Float32Array) => row.forEach((value, i) => (row[i] = value * 10 ** -(i % 7))),
    ],
    ['almost nothing but zeros', (row: Float32Array) => row.fill(0, 2)],
    ['nothing in the first components', (row: Float32Array) => row.fill(0, 0, 100)],
    ['tiny numbers', (row: Float32Array) => row.forEach((value, i) => (row[i] = value * 1e-30))],
    ['huge numbers', (row: Float32Array) => row.forEach((value, i) => (row[i] = value * 1e30))],
    ['all of them along one axis', (row: Float32Array) => row.fill(0, 1)],
  ])('of rows with %s', async (_name, distort) => {
    const rows = normalRows(seededRandom(77), 200, 130, { perIdentity: 4, spread: 0.6 })
    rows.forEach((row, i) => i % 3 === 0 && distort(row))
    const edgesAt = edgesOfCosines(rows)
    for (const threshold of [-1, 0, 0.3, 0.8, 1]) {
      for (const topK of [5, Infinity]) {
        const expected = edgesAt(threshold, topK)
        for (const wish of [
          { range: ranges[0]! },
          { range: ranges.at(-1)!, components: 50 },
          { range: ranges.at(-1)!, components: 50, rotated: true },
        ]) {
          const { edges } = await findCodedEdges(galleryOf(rows, 130), { threshold, topK }, wish)
          expect(edges, `threshold ${threshold}, topK ${topK}, ${JSON.stringify(wish)}`).toEqual(expected)
        }
      }
    }
  })

  it('where pairs differ in some of their components only', async () => {
    const random = seededRandom(64)
    const dim = 256
    const inHead = (i: number) => i < dim / 2
    const rows = Array.from({ length: 400 }, () => Float32Array.from({ length: dim }, () => random() - 0.5))
    for (const row of rows.slice(0, 200)) {
      // Around cosine 0.75, all of the difference on one side.
      const isChanged = random() < 0.5 ? inHead : (i: number) => !inHead(i)
      rows.push(row.map((value, i) => (isChanged(i) ? 0.5 * value + 0.45 * (random() - 0.5) : value)))
    }
    const edgesAt = edgesOfCosines(rows)
    for (const threshold of [0.5, 0.75, 0.9, 0.95]) {
      const expected = edgesAt(threshold, 10)
      for (const rotated of [false, true]) {
        const wish = { components: 96, rotated }
        const { edges } = await findCodedEdges(galleryOf(rows, dim), { threshold, topK: 10 }, wish)
        expect(edges, `threshold ${threshold}, rotated ${rotated}`).toEqual(expected)
      }
    }
  })

  it('of few rows of many dimensions', async () => {
    const rows = normalRows(seededRandom(5), 100, 25_600, { perIdentity: 3, spread: 0.5 })
    expect(await findEdges(galleryOf(rows, 25_600), { threshold: 0.75, topK: 100 })).toEqual(
      bruteForceEdges(rows, 0.75, 100),
    )
  })

  it('where everything is like everything, and says that it gave up the screen', async () => {
    const rows = normalRows(seededRandom(12), 7200, 4, { perIdentity: 7200, spread: 0.2 })
    const topK = 12
    const warnings: string[] = []
    const onWarning = (text: string) => warnings.push(text)
    const options = { threshold: 0.5, topK, threads: 2 }
    const found = new Set(await findEdges(galleryOf(rows, 4), { ...options, onWarning }))
    expect(warnings).toEqual([expect.stringContaining('rule out too little')])
    expect(found).toEqual(new Set(await findEdges(galleryOf(rows, 4), { ...options, engine: 'tiles' })))
    // A sample against the definition: the whole would take minutes.
    for (const row of [0, 3210, 7199]) {
      const best = rows
        .map((other, j) => ({ j, cosine: cosineOf(rows[row]!, other) }))
        .filter(({ j }) => j !== row)
        .sort((a, b) => b.cosine - a.cosine || a.j - b.j)
        .slice(0, topK - 1)
      for (const { j } of best) expect(found.has(row < j ? `${row}-${j}` : `${j}-${row}`)).toBe(true)
    }
  })
})

describe('the edges are the same', () => {
  const rows = normalRows(seededRandom(40), 6000, 600, { perIdentity: 6, spread: 0.5 })
  const options = { threshold: 0.7, topK: 4 }
  const expected = findEdges(galleryOf(rows, 600), options)

  it('whatever the number of threads', async () => {
    for (const threads of [2, 3]) {
      expect(await findEdges(galleryOf(rows, 600), { ...options, threads })).toEqual(await expected)
    }
  })

  it('where codes, embeddings and neighbors do not fit into memory', async () => {
    const gallery = galleryOf(rows, 600, { memoryBytes: 2 ** 16, scratchFolder: folder })
    expect(gallery.finish().floats.kind).toBe('files')
    const found = await findEdges(gallery, {
      ...options,
      memoryBytes: 2 ** 12,
      scratchFolder: folder,
      threads: 2,
    })
    expect(found).toEqual(await expected)
    // What the search wrote is gone; the gallery is its owner's.
    expect(readdirSync(folder)).toEqual(['embeddings'])
  })

  it('where embeddings are read again from several files', async () => {
    const rowFiles = [0, 2500, 2501].map((start, i, starts) => {
      const path = join(folder, `rows-${i}`)
      const part = rows.slice(start, starts[i + 1])
      const bytes = Buffer.concat(part.map((row) => Buffer.from(row.buffer)))
      writeFileSync(path, Buffer.concat([Buffer.alloc(10 * i), bytes]))
      return { path, offset: 10 * i, rows: part.length }
    })
    expect(await findEdges(galleryOf(rows, 600, { rowFiles }), options)).toEqual(await expected)
  })
})

it('fails where a file is cut during the search', async () => {
  const rows = normalRows(seededRandom(4), 3000, 128, { perIdentity: 3, spread: 0.4 })
  const gallery = galleryOf(rows, 128, { memoryBytes: 1000, scratchFolder: folder })
  truncateSync(join(folder, 'embeddings'), 200_000)
  const failure = findEdges(gallery, { threshold: 0.7, topK: 10, threads: 2 })
  await expect(failure).rejects.toBeInstanceOf(FacekitError)
  await expect(failure).rejects.toMatchObject({
    code: 'FILE_CUT',
    message: expect.stringContaining('it was changed meanwhile'),
  })
})

it('ends when it is destroyed before it has started', async () => {
  const stream = searchNeighbors(galleryOf([Float32Array.of(1), Float32Array.of(1)], 1), {
    threshold: 0.5,
    topK: 2,
  })
  stream.resume()
  setImmediate(() => stream.destroy())
  await new Promise((resolve) => stream.once('close', resolve))
})

it('refuses more rows than int32 numbers', () => {
  expect(() => new Gallery(2 ** 31, 1)).toThrow(expect.objectContaining({ code: 'ROWS' }))
})

it('finds the lists of very many rows that are the same', async () => {
  // So many pairs of a unit that some are dropped before they are handed on.
  const directions = normalRows(seededRandom(9), 3, 8, { perIdentity: 1, spread: 0 })
  const random = seededRandom(10)
  const rows = Array.from({ length: 1500 }, () => directions[Math.floor(3 * random())]!)
  for (const topK of [2, 5, Infinity]) {
    const options = { threshold: 0.9, topK }
    expect(await findEdges(galleryOf(rows, 8), options)).toEqual(
      bruteForceEdges(rows, options.threshold, topK),
    )
  }
})

describe('memory', () => {
  it('is refused where it is not enough and there is no folder for the rest', () => {
    expect(() => new Gallery(1000, 512, { memoryBytes: 1000 })).toThrow(
      expect.objectContaining({ code: 'GALLERY_MEMORY' }),
    )
  })
})

it('ends when it is destroyed, even while nothing is found', async () => {
  const rows = normalRows(seededRandom(8), 60_000, 64, { perIdentity: 1, spread: 0 })
  let fraction = 0
  const stream = searchNeighbors(galleryOf(rows, 64), {
    threshold: 0.99,
    topK: 10,
    threads: 2,
    onProgress(done, pairs) {
      fraction = done / pairs
      if (fraction > 0.05) stream.destroy()
    },
  })
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  expect(fraction).toBeLessThan(0.5)
})
