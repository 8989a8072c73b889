import { MAX_ROWS } from './batches.js'
import { FacekitError, OptionError } from './errors.js'

/**
 * Passes a count on.
 *
 * @throws OptionError unless `value` is an integer ≥ 1.
 */
export function checkPositiveInteger(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new OptionError(`Expected positive integer for ${name} but received ${value}`)
  }
  return value
}

/**
 * Passes a cosine on.
 *
 * @throws OptionError unless `value` is a cosine, that is in [-1, 1].
 */
export function checkCosine(name: string, value: number): number {
  // Whoever calls from JavaScript may give a text.
  if (typeof value !== 'number' || !(value >= -1 && value <= 1)) {
    throw new OptionError(`Expected a cosine between -1 and 1 for ${name} but received ${value}`)
  }
  return value
}

/**
 * Passes one of some words on, as their type.
 *
 * @throws OptionError unless `value` is one of `allowed`.
 */
export function checkOneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) {
    throw new OptionError(`Expected one of ${allowed.join(', ')} for ${name} but received ${value}`)
  }
  return found
}

/**
 * Passes a number of rows on, from 0.
 *
 * @throws FacekitError `ROWS` for more than `MAX_ROWS`
 */
export function checkRows(rows: number): number {
  if (!Number.isSafeInteger(rows) || rows < 0)
    throw new OptionError(`Expected a number of rows but received ${rows}`)
  if (rows > MAX_ROWS)
    throw new FacekitError(
      'ROWS',
      `Expected at most ${MAX_ROWS} embeddings but got ${rows}: cluster parts of them`,
    )
  return rows
}
