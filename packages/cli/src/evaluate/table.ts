import { aligned } from '../aligned.js'
import { printable } from '@facekit/core'
import { thresholdTexts } from '../thresholds/table.js'
import type { CurvePoint } from './curve.js'
import type { EvaluateSummary, WorstClass } from './run.js'

/**
 * What was found as tables of aligned columns, with a blank line between two: measures; the worst classes, where there are
 * any; the curve, where there is one. Numbers are not grouped: programs read them as well.
 */
export function describeEvaluation(summary: EvaluateSummary): string {
  const { mixed, scattered, curve } = summary
  const tables = [
    measures(summary),
    ...(mixed.length > 0
      ? [worst(['class', 'images', 'identities', 'of main', 'main identity'], mixed)]
      : []),
    ...(scattered.length > 0
      ? [worst(['identity', 'images', 'classes', 'in main', 'main class'], scattered)]
      : []),
    ...(curve ? [curveLines(curve)] : []),
  ]
  return tables.map((lines) => lines.map((line) => `${line}\n`).join('')).join('\n')
}

function measures(summary: EvaluateSummary): string[] {
  const { pairwise, bcubed } = summary
  const rows = [
    ['measure', 'value'],
    ...scoreRows('pairwise', pairwise),
    ...scoreRows('BCubed', bcubed),
    ['homogeneity', digits(summary.homogeneity)],
    ['completeness', digits(summary.completeness)],
    ['V-measure', digits(summary.vMeasure)],
    ['NMI', digits(summary.nmi)],
    ['purity', digits(summary.purity)],
  ]
  const values = aligned(rows.map(([, value]) => [value!]))
  return beside(
    rows.map(([name]) => name!),
    values,
  )
}

function scoreRows(of: string, { precision, recall, f }: EvaluateSummary['pairwise']): string[][] {
  return [
    [`${of} precision`, digits(precision)],
    [`${of} recall`, digits(recall)],
    [`${of} F`, digits(f)],
  ]
}

/** Names come last: they may hold blanks. */
function worst(
  [one, images, parts, inMain, main]: [string, string, string, string, string],
  classes: readonly WorstClass[],
): string[] {
  const numbers = aligned([
    [images, parts, inMain],
    ...classes.map((found) => [found.images, found.parts, found.mainImages].map(String)),
  ])
  const names = [one, ...classes.map(({ name }) => printable(name))]
  const mainNames = [main, ...classes.map((found) => printable(found.main))]
  return beside(numbers, beside(names, mainNames))
}

function curveLines(curve: readonly CurvePoint[]): string[] {
  const thresholds = thresholdTexts(curve)
  return aligned([
    ['threshold', 'classes', 'pairwise P', 'R', 'F', 'BCubed P', 'R', 'F'],
    ...curve.map(({ classes, pairwise, bcubed }, i) => [
      thresholds[i]!,
      String(classes),
      ...[pairwise, bcubed].flatMap(({ precision, recall, f }) => [precision, recall, f].map(digits)),
    ]),
  ])
}

/** Two columns, the first of them ending on the right with blanks. */
function beside(left: readonly string[], right: readonly string[]): string[] {
  const width = Math.max(...left.map((cell) => cell.length))
  return left.map((cell, i) => `${cell.padEnd(width)}  ${right[i]}`)
}

function digits(value: number): string {
  return value.toFixed(6)
}
