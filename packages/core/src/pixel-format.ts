import { OptionError } from './errors.js'

/** What a model expects of its pixels. */
export interface PixelFormat {
  /** Subtracted from each channel, in 0–255 units; one number, or three in the order of `channels`. */
  mean?: number | readonly number[] | undefined
  /** Each channel is divided by it, in 0–255 units. */
  std?: number | readonly number[] | undefined
  channels?: 'rgb' | 'bgr' | undefined
}

/** The contract's preprocessing: to [0, 1], minus 0.5, over 0.5. */
const DEFAULT_MEAN = 127.5
const DEFAULT_STD = 127.5

/**
 * Mean and std of three channels, in the order of the format.
 *
 * @throws OptionError for a mean or std that is not one or three numbers, or a std of 0
 */
export function pixelNormalization({ mean, std }: PixelFormat): {
  mean: readonly number[]
  std: readonly number[]
} {
  const stds = threeNumbers('pixel std', std ?? DEFAULT_STD)
  if (stds.includes(0)) throw new OptionError('Expected a pixel std other than 0')
  return { mean: threeNumbers('pixel mean', mean ?? DEFAULT_MEAN), std: stds }
}

function threeNumbers(name: string, value: number | readonly number[]): readonly number[] {
  const values = typeof value === 'number' ? [value, value, value] : value
  if (values.length !== 3 || !values.every(Number.isFinite)) {
    throw new OptionError(`Expected one or three numbers for ${name} but received ${values.join(',')}`)
  }
  return values
}
