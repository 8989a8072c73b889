import type { Part } from '@facekit/core'
import { pairsInStrip, type Region, type Strip } from './pairs.js'

/** Rows of a band, at most and at least: those of a group of query tiles, and of one tile. */
const MOST_BAND_ROWS = 2 ** 13
const LEAST_BAND_ROWS = 2 ** 9

/** Where a band is cut: between tiles. */
const TARGET_STEP = 2 ** 9

/** Cuts that a part could move by: one is then 5 % of its pairs, and they end within half of it of where they should. */
const STEPS_PER_PART = 20

/**
 * The pairs of a part: all parts have as many, as far as tiles allow, and each pair is in one of them. Bands of rows follow
 * one another, each against all rows that follow; a part ends within a band, between two of its tiles. It depends on the
 * number of rows alone, not on what searches.
 */
export function regionOfPart(rows: number, { number, of }: Part): Region {
  const bandRows = bandOf(rows, of)
  const [first, end] = [number, number + 1].map((at) => cutAt(rows, bandRows, at / of))
  const strip = (firstSource: number, endSource: number, firstTarget: number, endTarget: number): Strip => ({
    firstSource,
    endSource: Math.min(rows, endSource),
    firstTarget,
    endTarget,
  })
  const strips =
    first!.source === end!.source
      ? [strip(first!.source, first!.source + bandRows, first!.target, end!.target)]
      : [
          strip(first!.source, first!.source + bandRows, first!.target, rows),
          strip(first!.source + bandRows, end!.source, 0, rows),
          strip(end!.source, end!.source + bandRows, 0, end!.target),
        ]
  return { strips: strips.filter((one) => pairsInStrip(one) > 0), bandRows }
}

/** As large as leaves enough cuts for parts of the same size. */
function bandOf(rows: number, parts: number): number {
  const pairsOfPart = (rows * (rows - 1)) / 2 / parts
  let bandRows = MOST_BAND_ROWS
  while (bandRows > LEAST_BAND_ROWS && bandRows * TARGET_STEP * STEPS_PER_PART > pairsOfPart) bandRows /= 2
  return bandRows
}

/** Where a share of all pairs ends: before the band that begins at `source`, and in that the pairs with rows below `target`. */
function cutAt(rows: number, bandRows: number, share: number): { source: number; target: number } {
  const wanted = ((rows * (rows - 1)) / 2) * share
  const strip = (firstSource: number, endSource: number, endTarget: number) =>
    pairsInStrip({ firstSource, endSource: Math.min(rows, endSource), firstTarget: 0, endTarget })
  const before = (band: number) => strip(0, band * bandRows, rows)
  const source = bandRows * lastUpTo(wanted, Math.ceil(rows / bandRows) - 1, before)
  const upTo = (step: number) =>
    strip(0, source, rows) + strip(source, source + bandRows, Math.min(rows, step * TARGET_STEP))
  const step = lastUpTo(wanted, Math.ceil(rows / TARGET_STEP), upTo)
  const isNearer = wanted - upTo(step) <= upTo(step + 1) - wanted
  return { source, target: Math.min(rows, (isNearer ? step : step + 1) * TARGET_STEP) }
}

/** The last number up to `most` at which an ascending function is not above `wanted`; 0 at least. */
function lastUpTo(wanted: number, most: number, valueAt: (number: number) => number): number {
  let [low, high] = [0, most + 1]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (valueAt(middle) <= wanted) low = middle
    else high = middle
  }
  return low
}
