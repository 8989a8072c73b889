import { CODE_RANGES, FULL_RANGE } from '@facekit/devices'
import { seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { createFloatProduct } from '../src/float-product.js'
import type { Coding } from '../src/gallery/coded-gallery.js'
import { excessOf, quantizeAllowance, quantizeRow } from '../src/gallery/quantize.js'
import { CPU_TRAITS, DEVICE_TRAITS } from '../src/plan/choose-components.js'
import { planCodes } from '../src/plan/plan-codes.js'
import { axesError, evenAxes, PrincipalAxes } from '../src/plan/principal-axes.js'
import { normalRows } from './brute-force.js'
import { galleryOf } from './find-edges.js'

const dim = 256
const product = await createFloatProduct()
afterAll(() => product.release())

async function plan(
  rows: readonly Float32Array[],
  threshold: number,
  { traits = CPU_TRAITS, rotated }: { traits?: typeof CPU_TRAITS; rotated?: boolean } = {},
): Promise<Coding | string> {
  const gallery = galleryOf(rows, rows[0]!.length).finish()
  const wish = rotated === undefined ? {} : { rotated }
  return planCodes(gallery, threshold, { ...traits, range: FULL_RANGE }, product, wish)
}

const strangers = normalRows(seededRandom(1), 1100, dim, { perIdentity: 1, spread: 0 })

/** Rows that lie close to a few axes, which are no coordinates. */
function flatRows(count: number, axes: number): Float32Array[] {
  const random = seededRandom(9)
  const basis = normalRows(random, axes, dim, { perIdentity: 1, spread: 0 })
  return Array.from({ length: count }, () => {
    const row = Float32Array.from({ length: dim }, () => 0.05 * (random() - 0.5))
    for (const axis of basis) {
      const weight = random() - 0.5
      for (let i = 0; i < dim; i++) row[i]! += weight * axis[i]!
    }
    return row
  })
}

describe('planCodes', () => {
  it('takes some of the components where strangers are nearly orthogonal', async () => {
    const coding = (await plan(strangers, 0.7)) as Coding
    expect(coding.heads).toBeLessThan(dim)
    expect(coding.heads).toBeGreaterThan(32)
    expect(coding.axes).toBeUndefined()
  })

  it('takes more for lower thresholds, and for devices, whose host decides pairs slowly', async () => {
    const heads: number[] = []
    for (const threshold of [0.8, 0.6, 0.4]) heads.push(((await plan(strangers, threshold)) as Coding).heads)
    expect(heads).toEqual(heads.toSorted((a, b) => a - b))
    const onDevice = (await plan(strangers, 0.6, { traits: DEVICE_TRAITS })) as Coding
    expect(onDevice.heads).toBeGreaterThanOrEqual(heads[1]!)
  })

  it("takes the gallery's own axes where rows lie close to a few, and gains by it", async () => {
    const rows = flatRows(8500, 40)
    const plain = (await plan(rows, 0.7, { rotated: false })) as Coding
    const rotated = (await plan(rows, 0.7)) as Coding
    expect(rotated.axes).toBeDefined()
    expect(rotated.heads).toBeLessThan(plain.heads / 2)
  })

  it('leaves the axes of strangers as they are', async () => {
    expect(((await plan(strangers, 0.7, { rotated: true })) as Coding).axes).toBeUndefined()
  })

  it('takes all components where the last tell as much as the others together', async () => {
    const rows = strangers.map((row) => row.map((value, i) => (i < dim - 16 ? value / 100 : value)))
    expect(((await plan(rows, 0.9)) as Coding).heads).toBe(dim)
  })

  it('says where codes are of no use', async () => {
    const alike = normalRows(seededRandom(2), 1100, dim, { perIdentity: 1100, spread: 0.2 })
    expect(await plan(alike, 0.7)).toMatch(/rule out too little/)
  })
})

describe('axes', () => {
  it('are orthonormal but for the error that is stated, and hold nearly all of flat rows', async () => {
    const rows = flatRows(500, 20)
    const units = new Float32Array(rows.length * dim)
    rows.forEach((row, i) => {
      const length = Math.hypot(...row)
      units.set(
        row.map((value) => value / length),
        i * dim,
      )
    })
    const axes = evenAxes((await PrincipalAxes.of(units, dim, 64, product)).first(32), dim)
    expect(axes.length).toBe(32 * dim)
    expect(axesError(axes, dim)).toBeLessThan(2e-4)
    const along = new Float32Array(500 * 32)
    await product.run(units, Float32Array.from(axes), dim, along)
    const held = along.reduce((sum, value) => sum + value * value, 0) / 500
    expect(held).toBeGreaterThan(0.99)
    expect(held).toBeLessThan(1.0001)
  })

  it('that are skewed have an error that covers it', () => {
    const skewed = Float32Array.of(1, 0, 0, 0.01, 1, 0)
    expect(axesError(skewed, 3)).toBeGreaterThan(0.01)
  })

  it('are fewer where rows span no more', async () => {
    const rows = Float32Array.from({ length: 40 * dim }, (_, i) =>
      i % dim === Math.floor(i / dim) % 3 ? 1 : 0,
    )
    expect((await PrincipalAxes.of(rows, dim, 64, product)).first(10)).toHaveLength(3)
  })
})

describe('quantizeRow', () => {
  const random = seededRandom(5)
  const unit = (length: number) => {
    const row = Float32Array.from({ length: dim }, () => random() - 0.5)
    return row.map((value) => (length * value) / Math.hypot(...row))
  }
  const codingOf = (heads: number, max: number, scale: number, leastAllowance: number): Coding => ({
    range: { max, zero: 128 },
    scale: Math.fround(scale),
    heads,
    isWhole: heads === dim,
    codeLength: heads + 4,
    leastAllowance,
    axes: undefined,
    axesError: 2 ** -24,
  })
  /** What the search knows of a row, as a query and as one of the gallery. */
  const codesOf = (row: Float32Array, coding: Coding) => {
    const codes = new Int8Array(coding.codeLength)
    const allowance = quantizeRow(row.subarray(0, coding.heads), coding, codes)
    quantizeAllowance(allowance, coding, codes.subarray(coding.heads))
    const excess = excessOf(allowance, coding)
    return { codes, query: codes.slice().fill(coding.range.max, coding.heads), allowance, excess }
  }

  it.each(CODE_RANGES)('gives products that bound every cosine from above, by codes of ±$max', ({ max }) => {
    for (let round = 0; round < 500; round++) {
      const [a, b] = [unit(1), unit(1)]
      // Anything from the same row to its opposite, some of it in the part that is not coded only.
      const mix = 2 * random() - 1
      const row = b.map((value, i) => (i % 3 === 0 ? value : mix * a[i]! + (1 - Math.abs(mix)) * value))
      const length = Math.hypot(...row)
      const other = row.map((value) => value / length)
      // Scales so fine that codes are at their limit, and so coarse that little is left.
      const heads = round % 5 === 0 ? dim : 1 + Math.floor(random() * dim)
      const coding = codingOf(heads, max, (0.02 * 20 ** random()) / max, random() < 0.5 ? 0.02 : 0.3)
      const [own, others] = [codesOf(a, coding), codesOf(other, coding)]
      const integers = own.query.reduce((sum, code, i) => sum + code * others.codes[i]!, 0)
      const upper = coding.scale ** 2 * integers + own.allowance + coding.leastAllowance + others.excess
      const cosine = a.reduce((sum, value, i) => sum + value * other[i]!, 0)
      expect(upper).toBeGreaterThanOrEqual(cosine - 1e-6)
      expect([own.codes, others.codes].every((codes) => codes.every((code) => Math.abs(code) <= max))).toBe(
        true,
      )
    }
  })

  it('allows rows that have nothing but a tail all that a tail can add', () => {
    const { allowance, excess, codes } = codesOf(new Float32Array(dim), codingOf(32, 79, 0.3 / 79, 0.1))
    expect(allowance).toBeGreaterThanOrEqual(0.5)
    const coded = codes.subarray(32).reduce((a, b) => a + b, 0) * (0.3 / 79) ** 2 * 79
    expect(0.1 + coded + excess).toBeGreaterThanOrEqual(allowance - 1e-6)
  })
})
