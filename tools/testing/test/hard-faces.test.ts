import { describe, expect, it } from 'vitest'
import { HardFaces, rounds, seededRandom } from '../src/index.mjs'
import { NUMPY_STATISTICS } from './hard-faces-statistics.js'

const PAIRS = 200_000
/** Rows that are compared with all. */
const QUERIES = 500
const TOLERANCE_IN_SPREADS = 5

const SHARP = { blurredShare: 0, burstShare: 0 }
const FIRM = { ...SHARP, closeness: 0.93, closenessSpread: 0, tail: 0 }

/** Beside the whole, its parts one by one: in the whole, one hides another. */
const CASES = {
  everything: { rows: 20_000, dim: 128, shape: {} },
  closeness: { rows: 10_000, dim: 128, shape: { ...SHARP, bimodalShare: 0, closenessSpread: 0 } },
  families: { rows: 4000, dim: 512, shape: { ...FIRM, medianSize: 4, sizeSigma: 0, bimodalShare: 0 } },
  modes: { rows: 10_000, dim: 128, shape: { ...FIRM, bimodalShare: 1 } },
  blur: { rows: 10_000, dim: 128, shape: { ...FIRM, bimodalShare: 0, blurredShare: 1 } },
}

function quantiles(values: ArrayLike<number>, of: number[]): number[] {
  const sorted = Float64Array.from(values).sort()
  return of.map((share) => {
    const at = share * (sorted.length - 1)
    const low = sorted[Math.floor(at)]!
    return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low)
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Four sums at a time, since one would wait for itself: billions of products are summed here. */
function cosine(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  for (let k = 0; k < a.length; k += 4) {
    s0 += a[k]! * b[k]!
    s1 += a[k + 1]! * b[k + 1]!
    s2 += a[k + 2]! * b[k + 2]!
    s3 += a[k + 3]! * b[k + 3]!
  }
  return s0 + s1 + s2 + s3
}

function centroidOf(faces: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(faces[0]!.length)
  for (const face of faces) for (let k = 0; k < sum.length; k++) sum[k]! += face[k]!
  const length = Math.sqrt(cosine(sum, sum))
  return sum.map((value) => value / length)
}

function rowsByIdentity(identities: Int32Array): number[][] {
  const groups: number[][] = []
  identities.forEach((identity, row) => (groups[identity] ??= []).push(row))
  return groups
}

/** What is there to compare. */
function statistics({ rows, dim, embeddings, identities }: HardFaces) {
  const faces = Array.from({ length: rows }, (_, row) => embeddings.subarray(row * dim, (row + 1) * dim))
  const groups = rowsByIdentity(identities)
  let best: ReturnType<typeof bestCosines> | undefined
  const bestOnce = () => (best ??= bestCosines(faces, identities))

  return {
    sizes() {
      const sizes = groups.map(({ length }) => length)
      return [...quantiles(sizes, [0.1, 0.5, 0.9]), mean(sizes)]
    },
    /** Cosines of faces to the centroids of their identities. */
    centroid() {
      const centroids = groups.map((members) => centroidOf(members.map((row) => faces[row]!)))
      const cosines = faces.map((face, row) => cosine(face, centroids[identities[row]!]!))
      return quantiles(cosines, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    },
    strangers() {
      const random = seededRandom(9)
      const cosines: number[] = []
      for (let i = 0; i < PAIRS; i++) {
        const a = Math.floor(rows * random())
        const b = Math.floor(rows * random())
        if (identities[a] !== identities[b]) cosines.push(cosine(faces[a]!, faces[b]!))
      }
      return quantiles(cosines, [0.01, 0.5, 0.8413, 0.99, 0.999])
    },
    mates() {
      const random = seededRandom(10)
      const cosines: number[] = []
      for (let i = 0; i < PAIRS; i++) {
        const row = Math.floor(rows * random())
        const mates = groups[identities[row]!]!
        const mate = mates[Math.floor(mates.length * random())]!
        if (mate !== row) cosines.push(cosine(faces[row]!, faces[mate]!))
      }
      return quantiles(cosines, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95])
    },
    bestMate: () => quantiles(bestOnce().mates, [0.05, 0.25, 0.5, 0.75, 0.95]),
    bestImpostor: () => quantiles(bestOnce().impostors, [0.05, 0.5, 0.75, 0.85, 0.9, 0.95]),
    /** The share whose best impostor exceeds their best mate. */
    fooled() {
      const { mates, impostors } = bestOnce()
      return [mean(Array.from(mates, (mate, i) => Number(impostors[i]! > mate)))]
    },
    burst: () => [mean(Array.from(bestOnce().mates, (mate) => Number(mate >= 0.9)))],
  }
}

/** Of some rows with all others. */
function bestCosines(faces: readonly Float32Array[], identities: Int32Array) {
  const mates = new Float64Array(QUERIES).fill(-2)
  const impostors = new Float64Array(QUERIES).fill(-2)
  for (let row = 0; row < QUERIES; row++) {
    for (let other = 0; other < faces.length; other++) {
      if (other === row) continue
      const best = identities[other] === identities[row] ? mates : impostors
      best[row] = Math.max(best[row]!, cosine(faces[row]!, faces[other]!))
    }
  }
  return { mates, impostors }
}

describe('HardFaces', () => {
  it.each(Object.entries(NUMPY_STATISTICS))(
    'is distributed as its forerunner in NumPy: %s',
    (name, expected) => {
      const { rows, dim, shape } = CASES[name as keyof typeof CASES]
      for (let seed = 1; seed <= rounds(1, 10); seed++) {
        const found = statistics(new HardFaces(rows, dim, { seed, ...shape }))
        for (const [statistic, { mean: means, spread }] of Object.entries(expected)) {
          const values = found[statistic as keyof typeof found]()
          values.forEach((value, i) => {
            const message = `${statistic}[${i}], seed ${seed}: ${value}, expected ${means[i]} ± ${spread[i]}`
            expect(Math.abs(value - means[i]!), message).toBeLessThanOrEqual(
              TOLERANCE_IN_SPREADS * spread[i]!,
            )
          })
        }
      }
    },
  )

  it('is decided by the seed', () => {
    const [one, again, two] = [1, 1, 2].map((seed) => new HardFaces(500, 16, { seed }))
    expect(again).toEqual(one)
    expect(two!.embeddings).not.toEqual(one!.embeddings)
    expect(two!.identities).not.toEqual(one!.identities)
  })

  it('gives rows of length 1, of identities from 0 on', () => {
    const { embeddings, identities } = new HardFaces(1000, 24, { maxSize: 20 })
    for (let row = 0; row < 1000; row++) {
      const square = embeddings.subarray(row * 24, (row + 1) * 24).reduce((sum, value) => sum + value ** 2, 0)
      expect(square).toBeCloseTo(1, 5)
    }
    // A hole would be no array.
    const sizes = Array.from(rowsByIdentity(identities), ({ length }) => length)
    expect(Math.max(...sizes)).toBe(20)
  })
})
