import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { NO_CLASS } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { calibrate, detectCommunities } from '../src/index.js'
import { again, bruteForceEdges, readerOf } from './communities-reference.js'
import { shuffled } from './reference.js'

const FACES = fileURLToPath(
  new URL('../../../../shared/fixtures/embeddings/mobilefacenet-128/', import.meta.url),
)
const DIM = 128

/** The bytes after the header of an NPY file of version 1. */
function npyData(name: string): Buffer {
  const bytes = readFileSync(FACES + name)
  return bytes.subarray(10 + bytes.readUInt16LE(8))
}

function halfToFloat(half: number): number {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023]
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25)
  return half & 0x8000 ? -size : size
}

/** n × 128 float32 and the number of the person of each, from the folder in the path. */
function readFaces(): { values: Float32Array; persons: Int32Array } {
  const halves = npyData('final_embs.npy')
  const values = Float32Array.from({ length: halves.length / 2 }, (_, i) =>
    halfToFloat(halves.readUInt16LE(2 * i)),
  )
  const rows = values.length / DIM
  const paths = npyData('final_fpaths.npy')
  const width = paths.length / rows
  const numbers = new Map<string, number>()
  const persons = Int32Array.from({ length: rows }, (_, row) => {
    const points = new Uint32Array(
      paths.buffer.slice(paths.byteOffset + row * width, paths.byteOffset + (row + 1) * width),
    )
    const person = String.fromCodePoint(...points)
      .split('/')
      .at(-2)!
    if (!numbers.has(person)) numbers.set(person, numbers.size)
    return numbers.get(person)!
  })
  return { values, persons }
}

/** Pairwise and BCubed F. */
function agreement(
  classes: ArrayLike<number>,
  persons: ArrayLike<number>,
): { pairwise: number; bcubed: number } {
  const count = (keyOf: (row: number) => string) => {
    const counts = new Map<string, number>()
    for (let row = 0; row < classes.length; row++) counts.set(keyOf(row), (counts.get(keyOf(row)) ?? 0) + 1)
    return counts
  }
  const ofClass = count((row) => `${classes[row]}`)
  const ofPerson = count((row) => `${persons[row]}`)
  const ofBoth = count((row) => `${classes[row]} ${persons[row]}`)
  const pairs = (counts: Map<string, number>) =>
    [...counts.values()].reduce((sum, n) => sum + (n * (n - 1)) / 2, 0)
  let [precision, recall] = [0, 0]
  for (const [key, n] of ofBoth) {
    const [own, person] = key.split(' ')
    precision += n ** 2 / ofClass.get(own!)! / classes.length
    recall += n ** 2 / ofPerson.get(person!)! / classes.length
  }
  return {
    pairwise: (2 * pairs(ofBoth)) / (pairs(ofClass) + pairs(ofPerson)),
    bcubed: (2 * precision * recall) / (precision + recall),
  }
}

describe.skipIf(!existsSync(FACES))('7,001 real faces', () => {
  it('become the persons that the reference finds, in whatever order', async () => {
    const { values, persons } = readFaces()
    const reader = readerOf(values, DIM)
    const { rows } = reader
    const { threshold, doubt } = await calibrate(reader)
    expect(doubt).toBeUndefined()
    expect(threshold).toBeCloseTo(0.5007, 2)
    const order = shuffled(
      Array.from({ length: rows }, (_, row) => row),
      seededRandom(1),
    )
    const place = new Int32Array(rows)
    order.forEach((row, at) => (place[row] = at))
    const edges = bruteForceEdges({ values, dim: DIM }, threshold, 80)
    const inOrder = edges
      .map(
        ([a, b, cosine]) => [Math.min(place[a]!, place[b]!), Math.max(place[a]!, place[b]!), cosine] as const,
      )
      .sort((p, q) => p[0] - q[0] || p[1] - q[1])
    for (const [rowAt, list] of [
      [(at: number) => at, edges],
      [(at: number) => order[at]!, inOrder],
    ] as const) {
      const moved = new Float32Array(values.length)
      for (let at = 0; at < rows; at++)
        moved.set(values.subarray(rowAt(at) * DIM, (rowAt(at) + 1) * DIM), at * DIM)
      const stage = detectCommunities({
        rows,
        threshold,
        again: again(list),
        embeddings: readerOf(moved, DIM),
      })
      stage.end()
      const [clustering] = await stage.toArray()
      const { classOf } = clustering!
      expect(classOf).not.toContain(NO_CLASS)
      const found = agreement(
        classOf,
        classOf.map((_, at) => persons[rowAt(at)]!),
      )
      expect(Math.abs(found.pairwise - 0.9984)).toBeLessThan(0.002)
      expect(Math.abs(found.bcubed - 0.9875)).toBeLessThan(0.002)
    }
  }, 300_000)
})
