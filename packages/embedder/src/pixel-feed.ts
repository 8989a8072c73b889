import { OptionError, pixelNormalization, type PixelFormat } from '@facekit/core'
import { leadingAffine, PREPROCESSING, type LeadingAffine, type Model } from '@facekit/onnx'
import { expectedPixels } from './expected-pixels.js'
import type { ImageInput } from './image-input.js'

/** What brings pixels into the range that a model expects, where it normalises them itself. */
const FEEDS = { '0–255': { mean: 0, std: 1 }, '0–1': { mean: 0, std: 255 } } as const

/**
 * How to feed a model its pixels: as asked for, else as the arithmetic tells that it begins with, else as the contract
 * has it.
 *
 * @param warn told where that is another way than usual, or may be wrong
 * @throws OptionError for a format that is given although the model has its own inside
 */
export function pixelFeed(
  model: Model,
  bytes: Uint8Array,
  input: ImageInput,
  format: PixelFormat,
  file: string,
  warn: (line: string) => void,
): PixelFormat {
  const given = format.mean !== undefined || format.std !== undefined
  if (PREPROCESSING in model.metadata) {
    if (given || format.channels === 'bgr') {
      throw new OptionError(
        `Expected no pixel mean, std or channels for ${file}, which has its own inside (${model.metadata[PREPROCESSING]}). Leave them out here; to change them, convert the weights again with them.`,
      )
    }
    return format
  }
  if (input.elementType === 'uint8') return format
  const affine = leadingAffine(bytes, input.name, input.layout === 'NCHW' ? 1 : 3, file)
  const expected = affine ? expectedPixels(affine) : 'normalised'
  if (!affine || expected === 'normalised') return format
  const begins = `${file} begins with ${describe(affine)} on its pixels`
  if (expected === 'unclear') {
    if (!given) {
      warn(
        `${begins}, which may be a normalisation: if it expects 0–255, give --pixel-mean 0 --pixel-std 1, for 0–1 --pixel-mean 0 --pixel-std 255. It gets the usual −1 to 1.`,
      )
    }
    return format
  }
  const feed = FEEDS[expected]
  if (!given) {
    warn(`${begins}: it normalises them itself, and gets them as ${expected}`)
    return { ...format, ...feed }
  }
  const { mean, std } = pixelNormalization(format)
  if (mean.some((value) => value !== feed.mean) || std.some((value) => value !== feed.std)) {
    warn(
      `${begins}: it normalises them itself, from ${expected}, and now a second time. Leave --pixel-mean and --pixel-std out.`,
    )
  }
  return format
}

/** As mean and std. */
function describe({ scale, offset, statistics }: LeadingAffine): string {
  const mean = scale.map((a, i) => -offset[i]! / a)
  const std = scale.map((a) => 1 / a)
  return `(x − ${list(mean)}) / ${list(std)}${statistics ? ', a batch normalisation,' : ''}`
}

function list(values: readonly number[]): string {
  const texts = values.map(rounded)
  return texts.every((text) => text === texts[0]) ? texts[0]! : `(${texts.join(', ')})`
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)))
}
