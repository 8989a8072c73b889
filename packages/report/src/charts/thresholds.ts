import * as Plot from '@observablehq/plot'
import type { Html } from '../page/html.js'
import { cosineText, grouped } from '../page/numbers.js'
import type { SweptThreshold } from '../sources.js'
import { CHART_WIDTH, compact, drawChart, MARGINS, powersUpTo, X_AXIS } from './svg.js'

interface Curve {
  id: string
  title: string
  label: string
  value: (swept: SweptThreshold) => number
  logarithmic: boolean
  /** Thresholds that are marked on it. */
  marked: (swept: SweptThreshold) => boolean
  markedAs: string
}

const CLASSES: Curve = {
  id: 'chart-classes',
  title: 'Classes at each threshold',
  label: 'Classes',
  value: ({ classes }) => classes,
  logarithmic: false,
  marked: ({ chained }) => chained > 0,
  markedAs: 'Classes run together at',
}

const LARGEST: Curve = {
  id: 'chart-largest',
  title: 'Images in the largest class at each threshold',
  label: 'Images in the largest class',
  value: ({ largest }) => largest,
  logarithmic: true,
  marked: ({ leaps }) => leaps,
  markedAs: 'The largest class jumps at',
}

/** Two curves: how many classes there are, and how large the largest is, at each threshold. */
export function thresholdCharts(sweep: readonly SweptThreshold[], used: number | undefined): Html[] {
  return [CLASSES, LARGEST].map((curve) => thresholdChart(curve, sweep, used))
}

function thresholdChart(curve: Curve, sweep: readonly SweptThreshold[], used: number | undefined): Html {
  const { id, title, label, value, logarithmic, markedAs } = curve
  const marked = sweep.filter(curve.marked)
  const [first, last] = [sweep[0]!, sweep.at(-1)!]
  const at = ({ threshold }: SweptThreshold) => cosineText(threshold)
  const most = Math.max(2, ...sweep.map(value))
  return drawChart(
    {
      id,
      title,
      description: [
        `${grouped(value(first))} at ${at(first)}, ${grouped(value(last))} at ${at(last)}.`,
        marked.length > 0 && `${markedAs} ${marked.slice(0, 8).map(at).join(', ')}.`,
      ]
        .filter(Boolean)
        .join(' '),
    },
    {
      ...MARGINS,
      width: CHART_WIDTH,
      height: 270,
      x: { ...X_AXIS, label: 'Threshold', ticks: 6 },
      y: {
        type: logarithmic ? 'log' : 'linear',
        domain: [logarithmic ? 0.8 : 0, most * 1.1],
        label,
        tickFormat: compact,
        ticks: logarithmic ? powersUpTo(most) : 5,
        grid: true,
      },
      marks: [
        ...(used === undefined ? [] : [Plot.ruleX([used], { stroke: 'var(--mark)', strokeWidth: 1.5 })]),
        Plot.lineY(sweep, { x: 'threshold', y: value, stroke: 'var(--accent)', strokeWidth: 2 }),
        Plot.dot(marked, {
          x: 'threshold',
          y: value,
          r: 4.5,
          fill: 'var(--page)',
          stroke: 'var(--warn)',
          strokeWidth: 2,
        }),
      ],
    },
  )
}
