import type { LeadingAffine } from '@facekit/onnx'

/** Numbers that a model expects of its pixels: those of the file, from 0 to 1, normalised ones, or one cannot tell. */
export type ExpectedPixels = '0–255' | '0–1' | 'normalised' | 'unclear'

/** A channel as scale · (x − zero). */
interface Channel {
  /** Above 0. */
  scale: number
  zero: number
}

/** In 0–1 units, RGB: what nearly everyone divides and subtracts who normalises pixels of this range. */
const USUAL = [
  { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
]

/**
 * Tells by the affine map that a model begins with what it expects of its pixels. Normalisation brings the grey in the
 * middle to 0, so where the map has its zero and how steep it is tell the range. One that is learned has its zero
 * anywhere near the middle, and must not be taken for another: of batch normalisations only those are taken for 0–1
 * that have exactly the usual numbers.
 */
export function expectedPixels({ scale, offset, batchNorm }: LeadingAffine): ExpectedPixels {
  const channels = scale.map((a, i) => ({ scale: Math.abs(a), zero: -offset[i]! / a }))
  const all = (test: (channel: Channel) => boolean) => channels.every(test)
  if (all(isCentredInBytes) || (!batchNorm && all(dividesBytes))) return '0–255'
  if (isUsual(channels)) return '0–1'
  const seemsUnit = all(isCentredInUnit)
  if (batchNorm) return seemsUnit || all(isTooFlat) ? 'unclear' : 'normalised'
  if (seemsUnit || all(multipliesUnit)) return '0–1'
  return all(isCentredAtZero) ? 'normalised' : 'unclear'
}

/** Mean pixels are in the middle of 0–255; on normalised pixels a map with its zero there would be as good as constant. */
function isCentredInBytes({ scale, zero }: Channel): boolean {
  return between(zero, 30, 225) && between(scale, 1 / 2000, 2)
}

function dividesBytes({ scale, zero }: Channel): boolean {
  return between(1 / scale, 254, 257) && between(zero, -1, 1)
}

function isCentredInUnit({ scale, zero }: Channel): boolean {
  return between(zero, 0.3, 0.6) && between(scale, 0.9, 300)
}

function multipliesUnit({ scale, zero }: Channel): boolean {
  return between(scale, 254, 257) && between(zero, -0.01, 0.01)
}

/** Also from normalised pixels back to others: −1 is black. */
function isCentredAtZero({ scale, zero }: Channel): boolean {
  return between(zero, -1.1, 0.3) && between(scale, 0.1, 200)
}

/** Brings 0–255 to a usual range, and normalised pixels to next to nothing. */
function isTooFlat({ scale }: Channel): boolean {
  return between(scale, 1 / 2000, 1 / 32)
}

function isUsual(channels: readonly Channel[]): boolean {
  return USUAL.some(({ mean, std }) =>
    channels.every(
      ({ scale, zero }, i) => between(zero / mean[i]!, 0.995, 1.005) && between(scale * std[i]!, 0.99, 1.01),
    ),
  )
}

function between(value: number, low: number, high: number): boolean {
  return value >= low && value <= high
}
