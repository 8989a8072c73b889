import { checkCosine, OptionError } from '@facekit/core'
import { MAX_LEVEL } from './merge-tree.js'

/**
 * Checks the thresholds of a sweep: ascending cosines, `MAX_LEVEL` at most.
 *
 * @returns them as similarities are held
 * @throws OptionError
 */
export function heldThresholds(thresholds: readonly number[]): Float32Array {
  if (thresholds.length > MAX_LEVEL)
    throw new OptionError(`Expected at most ${MAX_LEVEL} thresholds but received ${thresholds.length}`)
  const held = Float32Array.from(thresholds, (threshold) => checkCosine('thresholds', threshold))
  for (let i = 1; i < held.length; i++)
    if (held[i]! < held[i - 1]!)
      throw new OptionError(
        `Expected ascending thresholds but received ${thresholds[i]} after ${thresholds[i - 1]}`,
      )
  return held
}

/** The number of thresholds that a similarity reaches. */
export function levelOf(similarity: number, thresholds: Float32Array): number {
  let low = 0
  let high = thresholds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (thresholds[middle]! <= similarity) low = middle + 1
    else high = middle
  }
  return low
}
