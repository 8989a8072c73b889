import type { CodeRange } from '@facekit/devices'
import type { FloatProduct } from '../float-product.js'
import type { GalleryData } from '../gallery/gallery.js'
import { largestComponent } from './code-scale.js'
import { columnsOf } from './columns.js'
import type { PrincipalAxes } from './principal-axes.js'
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

/** Components between two candidates, at least: kernels take so many at a time. */
const STEP = 32
const CANDIDATES = 16

/** Products to find an axis among others, so that finding them stays below a fraction of a second: 2²⁷. */
const MAX_AXES_PRODUCTS = 2 ** 27

/** What rotating a component costs beside an 8-bit product. */
const FLOAT_COST = 4

export interface Candidate {
  /** Components that are coded, and whether they lie along the gallery's own axes. */
  heads: number
  isRotated: boolean
  /** Of a row with 512 others, in components of its products. */
  cost: number
  /** Blocks of columns that pass, of all. */
  blocks: number
}

/** Sampled rows are in turns on one side and the other, so that both are from all over the gallery. */
const SIDES = [0, 1] as const

/**
 * Weighs how many components to code, plain or along axes: fewer make cheaper products and let more pairs pass.
 *
 * @param sample 2 · TRIAL_ROWS × dim float32, unit rows from all over the gallery
 * @param axes undefined to leave rows as they are
 */
export async function chooseComponents(
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
    await plain.add(SIDES.map((side) => columnsOf(sample, dim, from, heads, sideOf(side))))
    // The first components are as large as the others, more or less.
    const largest = largestComponent(columnsOf(sample, dim, 0, heads), heads)
    weigh(heads, false, plain.passed(residualOf(largest / range.max, heads), heads === dim))
  }
  if (!axes) return best

  const rotated = new TrialTile(product, threshold)
  const sides = SIDES.map((side) => columnsOf(sample, dim, 0, dim, sideOf(side)))
  const most = mostAxes(dim)
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

/** How many axes are found, at most. */
export function mostAxes(dim: number): number {
  return Math.min(dim - 1, Math.floor(Math.sqrt(MAX_AXES_PRODUCTS / dim)))
}

/** Which rows of the sample are on a side. */
function sideOf(side: number): { first: number; every: number } {
  return { first: side, every: SIDES.length }
}
