import { checkPositiveInteger, OptionError } from '@facekit/core'
import { IresnetError } from './errors.js'

/** Size of the pictures that a network takes, in pixels. */
export interface PictureSize {
  width: number
  height: number
}

/** The contract's. */
const CONTRACT: PictureSize = { width: 112, height: 112 }

/** Of face crops that people train on, for messages; square ones by their side. */
const USUAL_SIDES = [96, 100, 108, 112, 120, 128, 140, 144, 160, 178, 192, 200, 224, 256]
const USUAL_PORTRAITS: readonly PictureSize[] = [
  { width: 96, height: 112 },
  { width: 178, height: 218 },
]
/** Crops are not more than this much higher than wide. */
const MAX_ASPECT = 2

export interface PictureSizeOptions {
  /** The size that is asked for. */
  size: PictureSize | undefined
  /** Numbers that the linear layer takes of each channel of the last map. */
  cells: number
  /** Each halves the map, rounding up: pictures of 2^stages sizes a side give one map. */
  stages: number
  /** The file and its linear layer, for messages. */
  source: string
  linear: string
}

/**
 * The size that is asked for, or the contract's, if it gives as many cells as the linear layer takes. Any other would be
 * a guess.
 *
 * @throws OptionError where the size that is asked for gives another map
 * @throws IresnetError `IRESNET_SIZE` where the contract's does and none is asked for
 */
export function pictureSize({ size, cells, stages, source, linear }: PictureSizeOptions): PictureSize {
  const { width, height } = size ?? CONTRACT
  const sides = [checkPositiveInteger('width', width), checkPositiveInteger('height', height)]
  const [across, down] = sides.map((side) => Math.ceil(side / 2 ** stages)) as [number, number]
  if (across * down === cells) return { width, height }

  const map = squarestMap(cells)
  const takes = `${linear} of ${source} takes a map of ${map ? `${map.width}×${map.height}` : `${cells} cells`}`
  const gives = `pictures of ${width}×${height} pixels give one of ${across}×${down}`
  const fitting = map ? `; ${describeSizes(map, stages)}` : ''
  if (size)
    throw new OptionError(`Expected a size that fits the weights but ${gives}, and ${takes}${fitting}`)
  throw new IresnetError(
    'IRESNET_SIZE',
    `Expected the size of the pictures (--size), which the weights leave open: ${takes}, but ${gives}${fitting}`,
  )
}

/** Of all maps of so many cells, none wider than high. */
function squarestMap(cells: number): PictureSize | undefined {
  for (let width = Math.floor(Math.sqrt(cells)); width > 0; width--) {
    const height = cells / width
    if (Number.isInteger(height)) return height <= MAX_ASPECT * width ? { width, height } : undefined
  }
  return undefined
}

function describeSizes(map: PictureSize, stages: number): string {
  const step = 2 ** stages
  const range = (cells: number) => `${(cells - 1) * step + 1}…${cells * step}`
  const gives = ({ width, height }: PictureSize) =>
    Math.ceil(width / step) === map.width && Math.ceil(height / step) === map.height
  const usual = [
    ...USUAL_SIDES.filter((side) => gives({ width: side, height: side })),
    ...USUAL_PORTRAITS.filter(gives).map(({ width, height }) => `${width}x${height}`),
  ]
  const fitting =
    map.width === map.height
      ? `${range(map.width)} a side`
      : `${range(map.width)} across and ${range(map.height)} down`
  return `${fitting} fit${usual.length > 0 ? `, usually ${usual.join(' or ')}` : ''}`
}
