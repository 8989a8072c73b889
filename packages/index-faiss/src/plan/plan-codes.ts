import type { CodeRange } from '@facekit/devices'
import type { FloatProduct } from '../float-product.js'
import type { Coding } from '../gallery/coded-gallery.js'
import type { GalleryData } from '../gallery/gallery.js'
import { chooseComponents, mostAxes, type Candidate, type KernelTraits } from './choose-components.js'
import { allowanceCodes, largestComponent } from './code-scale.js'
import { columnsOf } from './columns.js'
import { axesError, evenAxes, PrincipalAxes, UNIT_ERROR } from './principal-axes.js'
import { sampleRows } from './sample-rows.js'
import { TRIAL_ROWS } from './trial-tile.js'

/** Where more blocks of columns pass, float32 products of everything cost less. */
const MAX_PASSING_BLOCKS = 1 / 2

/** What a way of coding must be, for tests and trials; a sample decides where it is left open. */
export interface CodingWish {
  range?: CodeRange
  components?: number
  /** Whether to code along the gallery's own axes. */
  rotated?: boolean
}

/** Of smaller galleries, or longer rows, the axes cost more to find than they save: 16 MiB for the second moment. */
const MIN_ROWS_FOR_AXES = 8192
const MAX_DIM_FOR_AXES = 2048

/** Rows that the axes are found from, and what their numbers may take: 8 MiB. */
const AXES_SAMPLE = 2048
const AXES_SAMPLE_NUMBERS = 2 ** 21

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
  const axes = mayRotate ? await findAxes(gallery, product) : undefined
  let best: Candidate = { heads: dim, isRotated: false, cost: 0, blocks: 0 }
  if (isForced) best = { ...best, heads: Math.min(dim, wish.components!), isRotated: mayRotate }
  else if (rows > 2 * TRIAL_ROWS)
    best = await chooseComponents(sample, gallery, threshold, traits, product, axes)
  if (best.blocks > MAX_PASSING_BLOCKS) return 'the bounds of 8-bit codes rule out too little'
  // Rows of zeros have no axes.
  const found = best.isRotated ? (axes?.first(best.heads) ?? []) : []
  const own = found.length > 0 ? evenAxes(found, dim) : undefined
  return codingOf(sample, dim, own ? found.length : best.heads, own, traits.range, product)
}

async function findAxes(gallery: GalleryData, product: FloatProduct): Promise<PrincipalAxes> {
  const { rows, dim } = gallery
  const count = Math.min(rows, AXES_SAMPLE, Math.ceil(AXES_SAMPLE_NUMBERS / dim))
  return PrincipalAxes.of(sampleRows(gallery, count, 1 / 2), dim, mostAxes(dim), product)
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
    scale: Math.fround(largestComponent(values, heads) / range.max),
    heads,
    isWhole: heads === dim,
    axes,
    axesError: axes ? axesError(axes, dim) : UNIT_ERROR,
  }
  return { ...coding, ...allowanceCodes(values, coding) }
}
