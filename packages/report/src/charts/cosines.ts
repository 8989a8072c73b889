import * as Plot from '@observablehq/plot'
import { BINS, type EdgeFacts } from '../gather/edge-facts.js'
import type { Html } from '../page/html.js'
import { cosineText, grouped } from '../page/numbers.js'
import type { Strangers } from '../sources.js'
import { CHART_WIDTH, compact, drawChart, MARGINS, powersUpTo, X_AXIS } from './svg.js'

/** Where the logarithmic axis begins, so that a single pair is seen. */
const LEAST = 0.7

interface Step {
  from: number
  to: number
  pairs: number
}

export interface MarkedThreshold {
  cosine: number
  name: string
}

/**
 * How many pairs have which cosine, on a logarithmic axis: the edges, those within classes before the rest, and behind
 * them what as many strangers would have.
 */
export function cosinesChart(
  edges: EdgeFacts | undefined,
  strangers: Strangers | undefined,
  rows: number,
  thresholds: readonly MarkedThreshold[],
): Html {
  const scale = strangers ? (rows * (rows - 1)) / 2 / Math.max(1, strangers.pairs) : 0
  const random = stepsOf(strangers?.histogram, scale)
  const { same, different, removed } = edges?.histogram ?? {}
  const all = stepsOf(same && same.map((count, i) => count + different![i]! + removed![i]!))
  const within = stepsOf(same)
  const ofStrangers = normalSteps(strangers, (rows * (rows - 1)) / 2)
  const steps = [...random, ...ofStrangers, ...all]
  const most = Math.max(10, ...steps.map(({ pairs }) => pairs))
  const left = Math.min(0, ...steps.map(({ from }) => from))
  const bars = (data: Step[], style: Plot.RectYOptions) =>
    Plot.rectY(data, {
      x1: 'from',
      x2: 'to',
      y1: LEAST,
      y2: 'pairs',
      ...style,
    })
  return drawChart(
    {
      id: 'chart-cosines',
      title: 'Pairs of images by their cosine',
      description: [
        edges && `${grouped(edges.edges)} edges, from a cosine of ${cosineText(edges.floor)} up.`,
        strangers && `Strangers end at ${cosineText(strangers.threshold)}.`,
        ...thresholds.map(({ name, cosine }) => `${name} at ${cosineText(cosine)}.`),
      ]
        .filter(Boolean)
        .join(' '),
    },
    {
      ...MARGINS,
      width: CHART_WIDTH,
      height: 300,
      marginTop: 20 + 16 * Math.max(1, thresholds.length),
      x: { ...X_AXIS, domain: [left, 1], label: 'Cosine', ticks: 8 },
      y: {
        type: 'log',
        domain: [LEAST, most * 1.5],
        label: 'Pairs in each 0.01',
        tickFormat: compact,
        ticks: powersUpTo(most),
        grid: true,
      },
      marks: [
        Plot.areaY(random, {
          x: middle,
          y1: LEAST,
          y2: 'pairs',
          fill: 'var(--stranger)',
          fillOpacity: 0.35,
        }),
        bars(all, { fill: 'var(--second)' }),
        bars(within, { fill: 'var(--accent)' }),
        // Of strangers alone, also where the pairs of one person hide them.
        Plot.lineY(ofStrangers, {
          x: middle,
          y: 'pairs',
          stroke: 'var(--ink)',
          strokeWidth: 1.5,
          strokeDasharray: '2 3',
        }),
        Plot.ruleX(thresholds, { x: 'cosine', stroke: 'var(--mark)', strokeWidth: 1.5 }),
        ...thresholds.map(({ cosine, name }, i) =>
          Plot.text([`${name} ${cosineText(cosine)}`], {
            x: cosine,
            frameAnchor: 'top',
            dy: -8 - 16 * i,
            textAnchor: 'end',
            dx: -5,
            fontSize: 12,
            fill: 'var(--mark)',
          }),
        ),
      ],
    },
  )
}

function middle({ from, to }: Step): number {
  return (from + to) / 2
}

/** What each step would have in a normal distribution. */
function normalSteps(strangers: Strangers | undefined, pairs: number): Step[] {
  if (!strangers || !(strangers.spread > 0)) return []
  const { median, spread } = strangers
  const expected = Float64Array.from({ length: BINS }, (_, bin) => {
    const deviations = ((2 * bin + 1) / BINS - 1 - median) / spread
    return (pairs * (2 / BINS) * Math.exp(-(deviations ** 2) / 2)) / (spread * Math.sqrt(2 * Math.PI))
  })
  return stepsOf(expected).filter((step) => step.pairs > LEAST)
}

/** Steps that have no pairs have no place on a logarithmic axis. */
function stepsOf(histogram: ArrayLike<number> = [], scale = 1): Step[] {
  const steps: Step[] = []
  for (let bin = 0; bin < histogram.length; bin++) {
    const pairs = histogram[bin]! * scale
    if (pairs > 0) steps.push({ from: (2 * bin) / BINS - 1, to: (2 * bin + 2) / BINS - 1, pairs })
  }
  return steps
}
