import { describe, expect, it } from 'vitest'
import { HardFaces, rounds, seededRandom } from '../src/index.mjs'

const ROWS = 20_000
const DIM = 128
const PAIRS = 200_000
/** Rows that are compared with all. */
const QUERIES = 1000
/** Faces of an identity whose centroid says something. */
const MANY = 10
const TOLERANCE_IN_SPREADS = 5

/**
 * Of another implementation of the same distributions, in NumPy: mean and standard deviation over seeds 1 to 20 of what
 * `measure` gives.
 */
const EXPECTED = {
  sizes: { mean: [15.01, 44.55, 127.465, 62.4583], spread: [1.1397, 3.086, 12.8474, 4.2049] },
  centroid: {
    mean: [0.0616, 0.3777, 0.6855, 0.761, 0.8144, 0.8746, 0.9121],
    spread: [0.0066, 0.0126, 0.0046, 0.0036, 0.0028, 0.0036, 0.0078],
  },
  strangers: {
    mean: [-0.2474, 0.0004, 0.1081, 0.2501, 0.3366],
    spread: [0.0023, 0.0005, 0.0011, 0.0025, 0.0044],
  },
  mates: {
    mean: [-0.0489, 0.1116, 0.42, 0.5607, 0.6514, 0.7553],
    spread: [0.0043, 0.006, 0.0077, 0.0053, 0.0041, 0.0059],
  },
  lookalikes: { mean: [0.3026, 0.3585, 0.4119, 0.4756], spread: [0.0061, 0.0101, 0.0233, 0.0286] },
  bestMate: {
    mean: [0.4887, 0.6661, 0.7258, 0.7839, 0.9482],
    spread: [0.0351, 0.0059, 0.0048, 0.006, 0.0005],
  },
  bestImpostor: {
    mean: [0.335, 0.3666, 0.3949, 0.4336, 0.5047, 0.6573],
    spread: [0.0018, 0.0018, 0.0023, 0.0041, 0.0188, 0.026],
  },
  fooled: { mean: [0.0647], spread: [0.01] },
  burst: { mean: [0.0805], spread: [0.0089] },
  identity: { mean: [0.6462, 0.7275, 0.7987], spread: [0.0064, 0.0048, 0.0054] },
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

function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < DIM; k++) sum += a[k]! * b[k]!
  return sum
}

function centroidOf(faces: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(DIM)
  for (const face of faces) for (let k = 0; k < DIM; k++) sum[k]! += face[k]!
  const length = Math.sqrt(cosine(sum, sum))
  return sum.map((value) => value / length)
}

function rowsByIdentity(identities: Int32Array): number[][] {
  const groups: number[][] = []
  identities.forEach((identity, row) => (groups[identity] ??= []).push(row))
  return groups
}

function measure({ embeddings, identities }: HardFaces): Record<keyof typeof EXPECTED, number[]> {
  const faces = Array.from({ length: ROWS }, (_, row) => embeddings.subarray(row * DIM, (row + 1) * DIM))
  const groups = rowsByIdentity(identities)
  const centroids = groups.map((rows) => centroidOf(rows.map((row) => faces[row]!)))
  const toCentroid = groups.map((rows, i) => rows.map((row) => cosine(faces[row]!, centroids[i]!)))
  const isLarge = groups.map(({ length }) => length >= MANY)
  const large = centroids.filter((_, i) => isLarge[i])

  const random = seededRandom(9)
  const anyOf = (rows: readonly number[]) => rows[Math.floor(rows.length * random())]!
  const strangers: number[] = []
  const mates: number[] = []
  for (let i = 0; i < PAIRS; i++) {
    const a = Math.floor(ROWS * random())
    const b = Math.floor(ROWS * random())
    if (identities[a] !== identities[b]) strangers.push(cosine(faces[a]!, faces[b]!))
    const mate = anyOf(groups[identities[a]!]!)
    if (mate !== a) mates.push(cosine(faces[a]!, faces[mate]!))
  }

  const bestMate: number[] = []
  const bestImpostor: number[] = []
  for (let row = 0; row < QUERIES; row++) {
    let mate = -2
    let impostor = -2
    for (let other = 0; other < ROWS; other++) {
      if (other === row) continue
      const found = cosine(faces[row]!, faces[other]!)
      if (identities[other] === identities[row]) mate = Math.max(mate, found)
      else impostor = Math.max(impostor, found)
    }
    bestMate.push(mate)
    bestImpostor.push(impostor)
  }

  const sizes = groups.map(({ length }) => length)
  return {
    sizes: [...quantiles(sizes, [0.1, 0.5, 0.9]), mean(sizes)],
    centroid: quantiles(toCentroid.flat(), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]),
    strangers: quantiles(strangers, [0.01, 0.5, 0.8413, 0.99, 0.999]),
    mates: quantiles(mates, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95]),
    lookalikes: quantiles(
      large.map((a) => large.reduce((best, b) => (a === b ? best : Math.max(best, cosine(a, b))), -2)),
      [0.5, 0.8, 0.9, 0.95],
    ),
    bestMate: quantiles(bestMate, [0.05, 0.25, 0.5, 0.75, 0.95]),
    bestImpostor: quantiles(bestImpostor, [0.05, 0.25, 0.5, 0.75, 0.9, 0.95]),
    fooled: [mean(bestMate.map((best, i) => Number(bestImpostor[i]! > best)))],
    burst: [mean(bestMate.map((best) => Number(best >= 0.9)))],
    identity: quantiles(toCentroid.filter((_, i) => isLarge[i]).map(mean), [0.1, 0.5, 0.9]),
  }
}

describe('HardFaces', () => {
  it('has the distributions of the simulator that methods are judged by', () => {
    for (let seed = 1; seed <= rounds(1, 10); seed++) {
      const found = measure(new HardFaces(ROWS, DIM, { seed }))
      for (const [name, { mean: expected, spread }] of Object.entries(EXPECTED)) {
        const values = found[name as keyof typeof EXPECTED]
        expected.forEach((value, i) => {
          const message = `${name}[${i}], seed ${seed}: ${values[i]}, expected ${value} ± ${spread[i]}`
          expect(Math.abs(values[i]! - value), message).toBeLessThanOrEqual(TOLERANCE_IN_SPREADS * spread[i]!)
        })
      }
    }
  })

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
