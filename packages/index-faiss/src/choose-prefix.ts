import { CodeScreen, type CodeScreenOptions } from './code-screen.js'
import { CodeTiles } from './code-tiles.js'
import type { GalleryData } from './gallery.js'
import { BLOCK_COLUMNS, type Screen } from './screen.js'

/** Shares of the components that are tried. */
const SHARES = [1, 2, 3, 4, 5, 6, 7, 8].map((eighths) => eighths / 8)

/** Products of fewer components are hardly cheaper. */
const STEP = 32

export interface PrefixChoice {
  /** Components to screen by, from the first on. */
  prefix: number
  /** Blocks that products of all components leave, as a share of all blocks. */
  flaggedShare: number
}

/**
 * How many components to screen by. Fewer make cheaper products and let more rows pass, each of which costs a product of
 * all components: a sample of the gallery tells where the sum is least.
 */
export async function choosePrefix(
  { gallery, tileRows, threshold }: Omit<CodeScreenOptions, 'prefix'>,
  screen: Screen,
): Promise<PrefixChoice> {
  const { dim } = gallery
  const { sample, rows, blocks } = sampleTwoTiles(gallery, tileRows)
  const unit = { group: 0, firstQueryTile: 0, endQueryTile: 1, galleryTile: 1 }
  let best = { prefix: dim, cost: Infinity }
  let flaggedShare = 0
  for (const share of SHARES) {
    const prefix = Math.min(dim, STEP * Math.ceil((share * dim) / STEP))
    const codes = new CodeScreen({ gallery: sample, tileRows, threshold, prefix }, screen)
    codes.load(unit)
    const flagged = await codes.flag(0, unit, prefix)
    codes.close()
    const cost = prefix / dim + flagged.length / rows
    if (cost < best.cost) best = { prefix, cost }
    flaggedShare = flagged.length / (rows * blocks)
  }
  return { prefix: best.prefix, flaggedShare }
}

interface Sample {
  sample: GalleryData
  /** Of the first tile. */
  rows: number
  /** Of the second tile. */
  blocks: number
}

/** Rows from all over the gallery, in turns in one tile and the other; zero rows where it has too few. */
function sampleTwoTiles(gallery: GalleryData, tileRows: number): Sample {
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
  return {
    sample,
    rows: Math.ceil(taken / 2),
    blocks: Math.ceil(Math.floor(taken / 2) / BLOCK_COLUMNS),
  }
}
