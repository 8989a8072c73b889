import { CodeTiles } from '../gallery/code-tiles.js'
import type { GalleryData } from '../gallery/gallery.js'
import { CodeScreen, isDense, type CodeScreenOptions } from './code-screen.js'
import { BLOCK_COLUMNS, type Screen } from './screen.js'

/** Products of fewer components are hardly cheaper. */
const STEP = 32

/** The eighths of the components, all of them last. */
function candidatesOf(dim: number): number[] {
  const eighths = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => Math.min(dim, STEP * Math.ceil((n * dim) / 8 / STEP)))
  return [...new Set(eighths)]
}

export interface PrefixChoice {
  /** Components to screen by, from the first on. */
  prefix: number
  /** Blocks that pass with all of them, as a share of all blocks; of few rows most do, each by its own likes. */
  flaggedShare: number
}

/**
 * How many components to screen by. Fewer make cheaper products and let more rows pass, each of which costs a product of
 * all components with all columns: a sample of the gallery tells where the sum is least.
 *
 * @param columns of the tiles that rows are screened against
 */
export async function choosePrefix(
  { gallery, tileRows, threshold }: Omit<CodeScreenOptions, 'prefix'>,
  screen: Screen,
  columns: number,
): Promise<PrefixChoice> {
  const { dim } = gallery
  const { sample, rows, blocks } = sampleTwoTiles(gallery, tileRows)
  const unit = { group: 0, firstQueryTile: 0, endQueryTile: 1, galleryTile: 1 }
  let best = { prefix: dim, cost: Infinity }
  let flaggedShare = 0
  for (const prefix of candidatesOf(dim)) {
    const codes = new CodeScreen({ gallery: sample, tileRows, threshold, prefix }, screen)
    codes.load(unit)
    const { length: flagged } = await codes.flag(0, unit, prefix)
    codes.close()
    const cost = prefix / dim + ((flagged / rows) * columns) / tileRows
    // Where too many pass, all components are tried after all.
    const isOfUse = prefix === dim || !isDense(flagged, tileRows, false)
    if (isOfUse && cost < best.cost) best = { prefix, cost }
    flaggedShare = flagged / (rows * blocks)
  }
  return { prefix: best.prefix, flaggedShare }
}

/**
 * Rows from all over the gallery, in turns in one tile and the other; zero rows where it has too few.
 *
 * @returns also how many rows of the first tile, and blocks of the second, are from there
 */
function sampleTwoTiles(
  gallery: GalleryData,
  tileRows: number,
): { sample: GalleryData; rows: number; blocks: number } {
  const { dim } = gallery
  const rows = 2 * tileRows
  const sample: GalleryData & { codes: { kind: 'memory' } } = {
    rows,
    dim,
    floats: { kind: 'memory', values: new Float32Array(0) },
    codes: { kind: 'memory', codes: new Int8Array(rows * dim) },
    scales: new Float32Array(rows),
    residuals: new Float32Array(rows),
    lengths: new Float64Array(rows),
    unusable: new Uint8Array(rows),
  }
  const codes = new CodeTiles(gallery, 1)
  const taken = Math.min(rows, gallery.rows)
  for (let i = 0; i < taken; i++) {
    const row = Math.floor((i * gallery.rows) / taken)
    const at = (i % 2) * tileRows + Math.floor(i / 2)
    codes.read(row, sample.codes.codes.subarray(at * dim, (at + 1) * dim))
    sample.scales[at] = gallery.scales[row]!
    sample.residuals[at] = gallery.residuals[row]!
  }
  codes.close()
  const blocks = Math.ceil(Math.floor(taken / 2) / BLOCK_COLUMNS)
  return { sample, rows: Math.ceil(taken / 2), blocks }
}
