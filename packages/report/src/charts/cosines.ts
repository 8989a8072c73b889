import * as Plot from '@observablehq/plot'
import { BINS, type EdgeFacts } from '../gather/edge-facts.js'
import type { Html } from '../page/html.js'
import { cosineText, grouped } from '../page/numbers.js'
import type { Strangers } from '../sources.js'
import { drawChart } from './svg.js'

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
  const ofStrangers = stepsOf(strangers?.histogram, scale)
  const { same, different, removed } = edges?.histogram ?? {}
  const all = stepsOf(same && same.map((count, i) => count + different![i]! + removed![i]!))
  const within = stepsOf(same)
  const steps = [...ofStrangers, ...all]
  const most = Math.max(10, ...steps.map(({ pairs }) => pairs))
  const least = Math.min(0.7, ...ofStrangers.map(({ pairs }) => pairs))
  const left = Math.min(0, ...steps.map(({ from }) => from))
  const bars = (data: Step[], style: Plot.RectYOptions) =>
    Plot.rectY(data, {
      x1: 'from',
      x2: 'to',
      y1: least,
      y2: 'pairs',
      insetLeft: 0.5,
      insetRight: 0.5,
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
      width: 720,
      height: 320,
      marginLeft: 56,
      marginTop: 20 + 16 * Math.max(1, thresholds.length),
      x: { domain: [left, 1], label: 'Cosine' },
      y: {
        type: 'log',
        domain: [least, most * 1.5],
        label: 'Pairs in each 0.01',
        tickFormat: '~s',
        ticks: 5,
        grid: true,
      },
      marks: [
        Plot.areaY(ofStrangers, {
          x: ({ from, to }: Step) => (from + to) / 2,
          y1: least,
          y2: 'pairs',
          fill: 'var(--stranger)',
          fillOpacity: 0.35,
        }),
        bars(all, { fill: 'var(--second)' }),
        bars(within, { fill: 'var(--accent)' }),
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

/** Steps that have no pairs have no place on a logarithmic axis. */
function stepsOf(histogram: ArrayLike<number> = [], scale = 1): Step[] {
  const steps: Step[] = []
  for (let bin = 0; bin < histogram.length; bin++) {
    const pairs = histogram[bin]! * scale
    if (pairs > 0) steps.push({ from: (2 * bin) / BINS - 1, to: (2 * bin + 2) / BINS - 1, pairs })
  }
  return steps
}
