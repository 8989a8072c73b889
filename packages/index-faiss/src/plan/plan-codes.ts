import type { CodeRange } from '@facekit/devices'
import type { FloatProduct } from '../float-product.js'
import type { Coding } from '../gallery/coded-gallery.js'
import type { GalleryData } from '../gallery/gallery.js'
import { quantizeRow } from '../gallery/quantize.js'
import { BEYOND, largestComponent, QUANTILE } from './code-scale.js'
import { axesError, evenAxes, PrincipalAxes, UNIT_ERROR } from './principal-axes.js'
import { sampleRows } from './sample-rows.js'
import { TRIAL_ROWS, TrialTile, type Passed } from './trial-tile.js'

/** What products are computed on, as far as it decides how rows are coded. */
export interface KernelTraits {
  range: CodeRange
  /** What deciding a pair costs, in components of a row's products with 512 columns. */
  pairCost: number
}

export const CPU_TRAITS: Omit<KernelTraits, 'range'> = {
  // Some 1 µs on one core, where a component costs 0.4 to 2.5 ns.
  pairCost: 1000,
}

export const DEVICE_TRAITS: Omit<KernelTraits, 'range'> = {
  // Some 10 µs on the host, while a GPU computes the products of a row with millions of columns.
  pairCost: 500_000,
}

/** Where more blocks of columns pass, float32 products of everything cost less. */
const MAX_PASSING_BLOCKS = 1 / 2

/** What a way of coding must be, for tests and trials; a sample decides where it is left open. */
export interface CodingWish {
  range?: CodeRange
  components?: number
  /** Whether to code along the gallery's own axes. */
  rotated?: boolean
}

/** Components between two candidates, at least: kernels take so many at a time. */
const STEP = 32
const CANDIDATES = 16

/** Of smaller galleries, or longer rows, the axes cost more to find than they save: 16 MiB for the second moment. */
const MIN_ROWS_FOR_AXES = 8192
const MAX_DIM_FOR_AXES = 2048

/** Rows that the axes are found from. */
const AXES_SAMPLE = 2048

/** Products to find an axis among others, so that finding them stays below a fraction of a second: 2²⁷. */
const MAX_AXES_PRODUCTS = 2 ** 27

/** Rows that need more are bounded less well. */
const MAX_ALLOWANCE_CODES = 16

/** What rotating a component costs beside an 8-bit product. */
const FLOAT_COST = 4

interface Candidate {
  heads: number
  isRotated: boolean
  cost: number
  blocks: number
}

/**
 * How the rows of a gallery are best coded. Fewer components make cheaper products and let more pairs pass, each of which
 * has to be decided; along the gallery's own axes the first components hold more of a row. A sample tells where the sum is
 * least. Whatever comes out, the edges are the same.
 *
 * @returns why codes are of no use, if so
 */
export async function planCodes(
  gallery: GalleryData,
  threshold: number,
  traits: KernelTraits,
  product: FloatProduct,
  wish: CodingWish = {},
): Promise<Coding | string> {
  const { rows, dim } = gallery
  const isForced = wish.components !== undefined
  const sample = sampleRows(gallery, Math.min(rows, 2 * TRIAL_ROWS), 0)
  const isWorthwhile = rows >= MIN_ROWS_FOR_AXES && dim <= MAX_DIM_FOR_AXES
  const mayRotate = wish.rotated ?? (isWorthwhile && !isForced)
  const axes = mayRotate
    ? await PrincipalAxes.of(sampleRows(gallery, Math.min(rows, AXES_SAMPLE), 1 / 2), dim, product)
    : undefined
  let best: Candidate = { heads: dim, isRotated: false, cost: 0, blocks: 0 }
  if (isForced) best = { ...best, heads: Math.min(dim, wish.components!), isRotated: mayRotate }
  else if (rows > 2 * TRIAL_ROWS) best = await tryOut(sample, gallery, threshold, traits, product, axes)
  if (best.blocks > MAX_PASSING_BLOCKS) return 'the bounds of 8-bit codes rule out too little'
  const own = axes && best.isRotated ? evenAxes(axes.first(best.heads), dim) : undefined
  return codingOf(sample, dim, own ? own.length / dim : best.heads, own, traits.range, product)
}

/** @param axes heads × dim float32; undefined for the first components */
async function codingOf(
  sample: Float32Array,
  dim: number,
  heads: number,
  axes: Float32Array | undefined,
  range: CodeRange,
  product: FloatProduct,
): Promise<Coding> {
  const rows = sample.length / dim
  let values = heads === dim ? sample : columnsOf(sample, dim, 0, heads)
  // ONNX Runtime takes no shared memory.
  if (axes) await product.run(sample, Float32Array.from(axes), dim, (values = new Float32Array(rows * heads)))
  const coding = {
    range,
    scale: Math.fround(largestComponent(largestOfRows(values, heads)) / range.max),
    heads,
    isWhole: heads === dim,
    axes,
    axesError: axes ? axesError(axes, dim) : UNIT_ERROR,
  }
  return { ...coding, ...allowanceCodes(values, coding) }
}

/** How many codes hold the allowances of nearly all rows, above the least. */
function allowanceCodes(
  sample: Float32Array,
  coding: Omit<Coding, 'leastAllowance' | 'codeLength'>,
): Pick<Coding, 'leastAllowance' | 'codeLength'> {
  const { heads, scale, range } = coding
  const codes = new Int8Array(heads)
  const ascending = new Float64Array(sample.length / heads)
    .map((_, row) => quantizeRow(sample.subarray(row * heads, (row + 1) * heads), coding, codes))
    .sort()
  const leastAllowance = ascending[0]!
  const usual = ascending[Math.floor(QUANTILE * (ascending.length - 1))]!
  const held = (usual - leastAllowance) * BEYOND
  const needed = Math.min(MAX_ALLOWANCE_CODES, Math.ceil(held / (scale * range.max) ** 2))
  // Codes come in words of four.
  return { leastAllowance, codeLength: 4 * Math.ceil((heads + Math.max(1, needed)) / 4) }
}

async function tryOut(
  sample: Float32Array,
  { rows, dim }: GalleryData,
  threshold: number,
  { range, pairCost }: KernelTraits,
  product: FloatProduct,
  axes: PrincipalAxes | undefined,
): Promise<Candidate> {
  const step = Math.max(STEP, STEP * Math.ceil(dim / CANDIDATES / STEP))
  let best: Candidate = { heads: dim, isRotated: false, cost: Infinity, blocks: 1 }
  const weigh = (heads: number, isRotated: boolean, { pairs, rows: passing, blocks }: Passed) => {
    const rotating = isRotated ? (FLOAT_COST * dim * 2) / rows : 0
    const cost = heads * (1 + passing + rotating) + pairs * pairCost
    if (cost < best.cost) best = { heads, isRotated, cost, blocks }
  }

  const plain = new TrialTile(product, threshold)
  for (let from = 0; from < dim && from < best.cost; from += step) {
    const heads = Math.min(dim, from + step)
    await plain.add(SIDES.map((side) => columnsOf(sample, dim, from, heads, side)))
    // The first components are as large as the others, more or less.
    const largest = largestComponent(largestOfRows(columnsOf(sample, dim, 0, heads), heads))
    weigh(heads, false, plain.passed(residualOf(largest / range.max, heads), heads === dim))
  }
  if (!axes) return best

  const rotated = new TrialTile(product, threshold)
  const sides = SIDES.map((side) => columnsOf(sample, dim, 0, dim, side))
  const most = Math.min(dim - 1, Math.sqrt(MAX_AXES_PRODUCTS / dim))
  for (let from = 0; from + step <= most && from + step < best.cost; from += step) {
    const next = axes.first(from + step).slice(from)
    if (next.length === 0) break
    const heads = from + next.length
    const basis = new Float32Array(next.length * dim)
    next.forEach((axis, i) => basis.set(axis, i * dim))
    const parts = SIDES.map(() => new Float32Array(TRIAL_ROWS * next.length))
    for (const side of SIDES) await product.run(sides[side]!, basis, dim, parts[side]!)
    await rotated.add(parts)
    // Nearly as long along all axes as along any: the search is not worth going on.
    if (from === 0 && rotated.held < (2 * step) / dim) break
    const largest = GAUSSIAN_LARGEST * Math.sqrt(rotated.held / heads)
    weigh(heads, true, rotated.passed(residualOf(largest / range.max, heads), false))
  }
  return best
}

/** The largest of so many Gaussian numbers as a sample has components, in units of their spread, about. */
const GAUSSIAN_LARGEST = 4.6

/** Of codes whose errors are evenly distributed. */
function residualOf(scale: number, heads: number): number {
  return scale * Math.sqrt(heads / 12)
}

function largestOfRows(values: Float32Array, columns: number): Float64Array {
  return new Float64Array(values.length / columns).map((_, row) => {
    let largest = 0
    for (let at = row * columns; at < (row + 1) * columns; at++)
      largest = Math.max(largest, Math.abs(values[at]!))
    return largest
  })
}

/** Sampled rows are in turns on one side and the other, so that both are from all over the gallery. */
const SIDES = [0, 1] as const

/**
 * Some columns of a matrix: rows × (to − from).
 *
 * @param side to take the rows of; all of them if left out
 */
function columnsOf(
  matrix: Float32Array,
  dim: number,
  from: number,
  to: number,
  side?: (typeof SIDES)[number],
): Float32Array {
  const [first, every] = side === undefined ? [0, 1] : [side, SIDES.length]
  const rows = matrix.length / dim / every
  const part = new Float32Array(rows * (to - from))
  for (let i = 0; i < rows; i++) {
    const start = (first + i * every) * dim
    part.set(matrix.subarray(start + from, start + to), i * (to - from))
  }
  return part
}
