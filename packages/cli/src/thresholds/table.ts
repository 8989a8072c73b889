import type { ThresholdOutcome } from '@facekit/graph'
import { aligned } from '../aligned.js'

const HEAD = ['threshold', 'classes', 'singletons', 'largest', 'images/class', 'pairs joined']

/**
 * Outcomes as lines of aligned columns. Numbers are not grouped: programs read them as well. Thresholds where classes
 * chained are marked.
 *
 * @param labelled images in classes
 */
export function describeThresholds(outcomes: readonly ThresholdOutcome[], labelled: number): string {
  const texts = thresholdTexts(outcomes)
  const rows = outcomes.map(({ classes, singletons, largest, pairs }, i) => [
    texts[i]!,
    String(classes),
    String(singletons),
    String(largest),
    (labelled / Math.max(1, classes)).toFixed(2),
    String(pairs),
  ])
  const marks = outcomes.map(({ chained, leaps }) => {
    const words = [...(leaps ? ['the largest leaps'] : []), ...(chained > 0 ? [`chains ${chained}`] : [])]
    return words.length > 0 ? `  ← ${words.join(', ')}` : ''
  })
  return aligned([HEAD, ...rows])
    .map((line, i) => `${line}${['', ...marks][i]}\n`)
    .join('')
}

/** Thresholds with as many digits as the longest, two at least. */
export function thresholdTexts(points: readonly { threshold: number }[]): string[] {
  const digits = Math.max(2, ...points.map(({ threshold }) => decimals(threshold)))
  return points.map(({ threshold }) => threshold.toFixed(digits))
}

/** @returns digits after the point that it is written with */
function decimals(threshold: number): number {
  return String(threshold).split('.')[1]?.length ?? 0
}
