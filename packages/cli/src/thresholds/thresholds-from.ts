import { shortestDecimal } from '@facekit/edges'
import { OptionError } from '@facekit/core'

/** A table of more lines is of no use. */
const LEAST_STEP = 0.001

/** @throws OptionError */
export function checkStep(step: number): number {
  if (!(step >= LEAST_STEP && step <= 1))
    throw new OptionError(`Expected a number from ${LEAST_STEP} to 1 for --step but received ${step}`)
  return step
}

/** The floor of edges, then the multiples of a step above it, up to 1. */
export function thresholdsFrom(floor: number, step: number): number[] {
  const thresholds = [shortestDecimal(floor)]
  for (let i = Math.floor(floor / step); ; i++) {
    // 7 × 0.1 is 0.7000000000000001.
    const threshold = Number((i * step).toPrecision(12))
    if (threshold > 1) return thresholds
    if (Math.fround(threshold) > floor) thresholds.push(threshold)
  }
}
