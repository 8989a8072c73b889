import type { ThresholdOutcome } from '@facekit/graph'

const HEAD = ['threshold', 'classes', 'singletons', 'largest', 'images/class', 'pairs joined']

/**
 * Outcomes as lines of aligned columns. Numbers are not grouped: programs read them as well. Thresholds where classes
 * chained are marked.
 *
 * @param labelled images in classes
 */
export function describeThresholds(outcomes: readonly ThresholdOutcome[], labelled: number): string {
  const digits = Math.max(2, ...outcomes.map(({ threshold }) => decimals(threshold)))
  const rows = outcomes.map(({ threshold, classes, singletons, largest, pairs }) => [
    threshold.toFixed(digits),
    String(classes),
    String(singletons),
    String(largest),
    (labelled / Math.max(1, classes)).toFixed(2),
    String(pairs),
  ])
  const widths = HEAD.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[], mark: string) =>
    `${cells.map((cell, column) => cell.padStart(widths[column]!)).join('  ')}${mark}\n`
  const marks = outcomes.map(({ chained, leaps }) => {
    const words = [...(leaps ? ['the largest leaps'] : []), ...(chained > 0 ? [`chains ${chained}`] : [])]
    return words.length > 0 ? `  ← ${words.join(', ')}` : ''
  })
  return [line(HEAD, ''), ...rows.map((row, i) => line(row, marks[i]!))].join('')
}

/** @returns digits after the point that it is written with */
function decimals(threshold: number): number {
  return String(threshold).split('.')[1]?.length ?? 0
}
