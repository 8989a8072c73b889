import type { LeadingAffine } from '@facekit/onnx'

/** Numbers that a model expects of its pixels: those of the file, from 0 to 1, normalised ones, or one cannot tell. */
export type ExpectedPixels = '0–255' | '0–1' | 'normalised' | 'unclear'

/** A channel as scale · (x − zero). */
interface Channel {
  /** Above 0. */
  scale: number
  zero: number
}

/** In 0–1 units, RGB: what nearly everyone subtracts and divides by who normalises pixels of this range. */
const USUAL = [
  { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
]

/**
 * Tells by the affine map that a model begins with what it expects of its pixels. Sums and products are written by
 * someone who brings the grey in the middle to 0, so that their zero and their scale tell the range. What a batch
 * normalisation learns puts its zero anywhere, but its statistics are those of the pixels that it saw.
 */
export function expectedPixels({ scale, offset, statistics }: LeadingAffine): ExpectedPixels {
  const channels = scale.map((a, i) => ({ scale: Math.abs(a), zero: -offset[i]! / a }))
  if (isUsual(channels)) return '0–1'
  const seen = statistics?.mean.map((mean, i) => ({ mean, std: Math.sqrt(statistics.variance[i]!) }))
  return seen && !seen.every(isUntouched) ? fromStatistics(seen) : fromArithmetic(channels)
}

function fromArithmetic(channels: readonly Channel[]): ExpectedPixels {
  const all = (test: (channel: Channel) => boolean) => channels.every(test)
  if (all(isCentredInBytes) || all(dividesBytes)) return '0–255'
  if (all(isCentredInUnit) || all(multipliesUnit)) return '0–1'
  return all(isCentredAtZero) ? 'normalised' : 'unclear'
}

/** On normalised pixels a map with its zero there would be as good as constant. */
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

/** What a training saw of a channel. */
interface Seen {
  mean: number
  std: number
}

function fromStatistics(seen: readonly Seen[]): ExpectedPixels {
  if (seen.every(({ mean, std }) => between(mean, 20, 235) && between(std, 5, 130))) return '0–255'
  const ofUnit = seen.every(({ mean, std }) => between(mean, 0.25, 0.75) && between(std, 0.05, 0.36))
  // Bright normalised pixels have such a mean, too, though hardly in all channels.
  return ofUnit || !seen.every(({ mean }) => between(mean, -1, 1)) ? 'unclear' : 'normalised'
}

/** Of a normalisation that is written with its weight and bias alone. */
function isUntouched({ mean, std }: Seen): boolean {
  return mean === 0 && between(std, 0.999, 1.001)
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
