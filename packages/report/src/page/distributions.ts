import { classSizesChart, countSizes } from '../charts/class-sizes.js'
import { cosinesChart, type MarkedThreshold } from '../charts/cosines.js'
import { thresholdCharts } from '../charts/thresholds.js'
import type { ReportFacts } from '../gather/gather.js'
import type { ReportSources, SweptThreshold } from '../sources.js'
import { html, type Html } from './html.js'
import { cosineText, counted, grouped } from './numbers.js'
import type { Section } from './section.js'

/** Lines of a table that stands for a chart. */
const MOST_LINES = 60

export function sizesSection({ classes: { sizes, labelled, singletons } }: ReportFacts): Section {
  return {
    id: 'sizes',
    title: 'Class sizes',
    intro: html`${counted(labelled, 'image')} in ${counted(sizes.length, 'class', 'classes')},
    ${grouped(singletons)} of them of one image.
    ${
      sizes.length > 1 &&
      html`Persons make a smooth slope; a dot far to the right of all others is a class that swallowed others:
        see <a href="#bridges">Several persons</a>.`
    }`,
    body: sizes.length > 0 && html`<figure>${classSizesChart(sizes)}${sizesTable(sizes)}</figure>`,
  }
}

function sizesTable(sizes: Uint32Array): Html {
  const counts = countSizes(sizes)
  const lines =
    counts.length > MOST_LINES
      ? [...counts.slice(0, MOST_LINES / 2), ...counts.slice(-MOST_LINES / 2)]
      : counts
  return html`<details>
    <summary>
      ${lines === counts ? 'The numbers' : `The ${MOST_LINES / 2} smallest and largest sizes`}
    </summary>
    ${table(
      'Classes by their size',
      ['Images', 'Classes'],
      lines.map(({ size, classes }) => [grouped(size), grouped(classes)]),
    )}
  </details>`
}

export function cosinesSection({ run, strangers, edges: set }: ReportSources, facts: ReportFacts): Section {
  const { edges, classes } = facts
  const thresholds: MarkedThreshold[] = [
    ...(run ? [{ cosine: run.clusterThresh, name: 'one person' }] : []),
    ...(run?.duplicateThresh == null ? [] : [{ cosine: run.duplicateThresh, name: 'duplicates' }]),
  ]
  return {
    id: 'cosines',
    title: 'Cosines',
    intro: html`The hump on the right is pairs of one person.
    ${
      strangers &&
      strangers.pairs > 0 &&
      html`The dotted slope is strangers, by ${grouped(strangers.pairs)} random pairs: a threshold that lies
      on it joins as many of them as the slope is high, and chains what they join. Beyond
      ${cosineText(strangers.threshold)} lie two of a million.`
    }
    ${strangers?.doubt && html`<strong>${strangers.doubt}.</strong>`}
    ${!set && html`There are no edges beside these labels; name them by <code>--edges</code>.`}
    ${!strangers && html`Without embeddings nothing is known of strangers; name them by <code>--input</code>.`}`,
    body:
      (edges || strangers) &&
      html`<figure>
        <ul class="legend">
          ${
            edges &&
            html`<li><span class="swatch accent"></span>in one class</li>
              <li><span class="swatch second"></span>in two classes, or of a removed duplicate</li>`
          }
          ${
            strangers &&
            html`<li><span class="swatch stranger"></span>all pairs, as random ones tell</li>
              <li><span class="swatch dashes"></span>strangers alone, were they normally distributed</li>`
          }
        </ul>
        ${cosinesChart(edges, strangers, classes.rows, thresholds)}
      </figure>`,
  }
}

/** The highest threshold at which classes of several persons became one. */
export function runTogetherAt(sweep: readonly SweptThreshold[]): number | undefined {
  return sweep.findLast(({ leaps, chained }) => leaps || chained > 0)?.threshold
}

export function thresholdsSection({ sweep, run }: ReportSources): Section {
  const used = run?.clusterThresh
  const together = sweep && runTogetherAt(sweep)
  const leaps = sweep?.filter(({ leaps: isLeap }) => isLeap) ?? []
  return {
    id: 'thresholds',
    title: 'Other thresholds',
    intro: sweep
      ? html`What method components would give at each threshold from the floor of the edges up, without
          another search: <code>facekit label --cluster_thresh …</code>.
          ${
            leaps.length > 0
              ? `The largest class jumps at ${leaps.map(({ threshold }) => cosineText(threshold)).join(', ')}.`
              : 'The largest class jumps nowhere.'
          }
          ${
            together !== undefined &&
            `Persons run together from ${cosineText(together)} down${run?.method === 'communities' ? ', where communities may part them' : `: stay above ${cosineText(together)}`}.`
          }
          Lower thresholds than the floor need a search with a lower <code>--floor</code>.`
      : html`There are no edges beside these labels to try thresholds on; name them by <code>--edges</code>.`,
    body:
      sweep &&
      sweep.length > 0 &&
      html`<figure>
        <ul class="legend">
          <li><span class="swatch mark"></span>the threshold in use</li>
          <li><span class="swatch ring"></span>classes run together; the largest jumps</li>
        </ul>
        <div class="pair">${thresholdCharts(sweep, used)}</div>
        ${sweepTable(sweep, used)}
      </figure>`,
  }
}

function sweepTable(sweep: readonly SweptThreshold[], used: number | undefined): Html {
  return html`<details>
    <summary>The numbers</summary>
    ${table(
      'What each threshold gives',
      ['Threshold', 'Classes', 'Of one image', 'Largest', ''],
      sweep.map(({ threshold, classes, singletons, largest, leaps, chained }) => [
        cosineText(threshold),
        grouped(classes),
        grouped(singletons),
        grouped(largest),
        [
          threshold === used && 'in use',
          leaps && 'the largest jumps',
          chained > 0 && `${counted(chained, 'class runs', 'classes run')} into others`,
        ]
          .filter(Boolean)
          .join(', '),
      ]),
    )}
  </details>`
}

function table(name: string, head: readonly string[], lines: readonly (readonly string[])[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${name}">
    <table>
      <thead>
        <tr>
          ${head.map((column) => (column ? html`<th scope="col">${column}</th>` : html`<td></td>`))}
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
