import * as Plot from '@observablehq/plot'
import { counted, grouped } from '../page/numbers.js'
import type { Html } from '../page/html.js'
import { CHART_WIDTH, compact, drawChart, MARGINS, powersUpTo, X_AXIS } from './svg.js'

/** More dots than these are put together, some to each step. */
const MOST_DOTS = 150
const STEPS_PER_DECADE = 12

export interface SizeCount {
  size: number
  classes: number
}

/** How many classes there are of each size, both on logarithmic axes. */
export function classSizesChart(sizes: Uint32Array): Html {
  const counts = countSizes(sizes)
  const dots = counts.length > MOST_DOTS ? inSteps(counts) : counts
  const largest = Math.max(2, sizes[0] ?? 1)
  const most = Math.max(2, ...counts.map(({ classes }) => classes))
  return drawChart(
    {
      id: 'chart-sizes',
      title: 'Classes by their size',
      description: `From ${counted(counts[0]?.classes ?? 0, 'class', 'classes')} of ${counted(counts[0]?.size ?? 0, 'image')} to one of ${grouped(sizes[0] ?? 0)}; both axes are logarithmic.`,
    },
    {
      ...MARGINS,
      width: CHART_WIDTH,
      height: 270,
      x: {
        ...X_AXIS,
        type: 'log',
        domain: [0.9, largest * 1.15],
        label: 'Images in a class',
        tickFormat: compact,
        ticks: powersUpTo(largest),
      },
      y: {
        type: 'log',
        domain: [0.8, most * 1.4],
        label: dots === counts ? 'Classes of that size' : 'Classes of that size, on average',
        tickFormat: compact,
        ticks: powersUpTo(most),
        grid: true,
      },
      marks: [Plot.dot(dots, { x: 'size', y: 'classes', r: 3.5, fill: 'var(--accent)', fillOpacity: 0.75 })],
    },
  )
}

/** Ascending by size. */
export function countSizes(sizes: Uint32Array): SizeCount[] {
  const counts = new Map<number, number>()
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1)
  return [...counts].map(([size, classes]) => ({ size, classes })).sort((a, b) => a.size - b.size)
}

/** Of each step of sizes the middle one, and how many classes each size of the step has on average. */
function inSteps(counts: readonly SizeCount[]): SizeCount[] {
  const steps = new Map<number, { classes: number; logarithms: number; kinds: number }>()
  for (const { size, classes } of counts) {
    const step = Math.floor(Math.log10(size) * STEPS_PER_DECADE)
    const { classes: sum, logarithms, kinds } = steps.get(step) ?? { classes: 0, logarithms: 0, kinds: 0 }
    steps.set(step, { classes: sum + classes, logarithms: logarithms + Math.log(size), kinds: kinds + 1 })
  }
  return [...steps].map(([step, { classes, logarithms, kinds }]) => {
    const width = 10 ** ((step + 1) / STEPS_PER_DECADE) - 10 ** (step / STEPS_PER_DECADE)
    return { size: Math.exp(logarithms / kinds), classes: classes / Math.max(1, width) }
  })
}
