import type { ReportFacts } from '../gather/gather.js'
import type { EmbeddingRun } from '@facekit/core'
import { LIMITS, LOW_COHESION } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { shortText } from './face.js'
import { runTogetherAt } from './distributions.js'
import { Html, html } from './html.js'
import { cosineText, counted, duration, grouped, percent } from './numbers.js'
import { facts, type Section } from './section.js'

const UNKNOWN = html`<span class="unknown">not recorded</span>`

export function summarySection(sources: ReportSources, report: ReportFacts): Section {
  const { run, recorded, extracts, strangers, edges } = sources
  const { classes, failures } = report
  const { rows, labelled, duplicates, singletons, sizes } = classes
  // Recorded is the last one that was appended.
  const inputs = [...new Set(extracts.map(({ input }) => input))].join(', ')
  const unusable = rows - labelled - duplicates
  const tiles = [
    ['images', rows],
    ['classes', sizes.length],
    ['in the largest', sizes[0] ?? 0],
    ['classes of one', singletons],
    ['duplicates removed', duplicates],
    ['failed', failures?.count],
  ] as const
  return {
    id: 'summary',
    title: 'Summary',
    intro: lookFirst(report, sources),
    body: html`<dl class="tiles">
        ${tiles.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value === undefined ? 'unknown' : grouped(value)}</dd>
            </div>`,
        )}
      </dl>
      <div class="columns">
        <div>
          <h3>Labels</h3>
          ${facts([
            ['Method', run?.method ?? UNKNOWN],
            ['One person from', run?.clusterThresh ?? UNKNOWN],
            ['Duplicates from', run ? (run.duplicateThresh ?? 'duplicates kept') : UNKNOWN],
            ['Strangers end at', strangers?.threshold.toFixed(3)],
            ['Edges', edges && `${grouped(edges.edges)} from ${edges.floor.toFixed(3)} up`],
            ['Unusable embeddings', unusable > 0 ? grouped(unusable) : undefined],
            ['Made', run ? timeMarkup(run.startedAt) : UNKNOWN],
            ['Took', run ? duration(run.seconds) : UNKNOWN],
            ['facekit', run?.facekit ?? UNKNOWN],
          ])}
        </div>
        <div>
          <h3>Embeddings</h3>
          ${recorded.size > 0 ? facts([...recorded].map(([name, value]) => [name, shortText(name === '--input' && inputs ? inputs : value)] as const)) : UNKNOWN}
          ${extracts.length > 0 && extractFacts(extracts)}
        </div>
      </div>
      <h3>Commands</h3>
      ${extracts
        .filter(({ command }) => command.length > 0)
        .slice(-LIMITS.extracts)
        .map(({ command }) => commandLine(command))}
      ${run && run.command.length > 0 ? commandLine(run.command) : UNKNOWN}`,
  }
}

/** Of all runs that made the embeddings: those of parts went on side by side. */
function extractFacts(extracts: readonly EmbeddingRun[]): Html {
  const sum = (of: (run: EmbeddingRun) => number) => extracts.reduce((all, run) => all + of(run), 0)
  const last = extracts.reduce((latest, run) => (run.startedAt > latest.startedAt ? run : latest))
  return facts([
    ['Runs', extracts.length > 1 ? grouped(extracts.length) : undefined],
    ['Images', grouped(sum(({ images }) => images))],
    ['Made', timeMarkup(last.startedAt)],
    ['Took', duration(sum(({ seconds }) => seconds))],
    ['facekit', shortText(last.facekit)],
  ])
}

function timeMarkup(iso: string): Html {
  return html`<time datetime="${iso}">${dateText(iso)}</time>`
}

function commandLine(words: readonly string[]): Html {
  return html`<pre><code>${commandMarkup(words)}</code></pre>`
}

/** Where strangers end differs by less from one draw to another. */
const DRAWN_ENDS = 0.01

/** The places where something is the matter, if anything is. */
function lookFirst(
  { classes, bridges, loose, alike, failures }: ReportFacts,
  { sweep, run, strangers, embeddings, edges }: ReportSources,
): Html {
  if (classes.rows === 0) return html`There are no images.`
  // The sweep is of components: communities part what chains.
  const together = sweep && run?.method !== 'communities' ? runTogetherAt(sweep) : undefined
  const places = [
    bridges &&
      bridges.classes > 0 &&
      html`<a href="#bridges"
        >${counted(bridges.classes, 'class', 'classes')} that may hold several persons</a
      >`,
    loose &&
      loose.doubtful > 0 &&
      html`<a href="#loose"
        >${counted(loose.doubtful, 'class', 'classes')}
        ${loose.by === 'groups' ? 'whose faces fall into two groups' : `with fewer than ${percent(LOW_COHESION)} of the edges they could have`}</a
      >`,
    alike &&
      alike.count > 0 &&
      html`<a href="#alike">${counted(alike.count, 'pair')} of classes that may be one</a>`,
    together !== undefined &&
      run !== undefined &&
      together >= run.clusterThresh &&
      html`<a href="#thresholds">persons that run together from ${cosineText(together)} down</a>`,
    strangers &&
      strangers.doubt === undefined &&
      run !== undefined &&
      run.clusterThresh < strangers.threshold - DRAWN_ENDS &&
      html`<a href="#cosines">a threshold below ${cosineText(strangers.threshold)}, where strangers end</a>`,
    failures &&
      failures.count > 0 &&
      html`<a href="#failures">${counted(failures.count, 'image')} that failed</a>`,
  ].filter((place) => place instanceof Html)
  const unseen = [!embeddings && 'embeddings', !edges && 'edges'].filter(Boolean)
  if (places.length === 0)
    return html`Nothing strikes the
      eye${unseen.length > 0 && html`, but ${unseen.join(' and ')} are not there, and persons that ran together may go unseen`}.
      <a href="#random">Random classes</a> and <a href="#borderline">borderline pairs</a> show what the
      thresholds do.`
  return html`Look first at ${places.map((place, i) => html`${i > 0 && ', '}${place}`)}.`
}

function dateText(iso: string): string {
  return iso.replace('T', ' ').replace(/:\d\d\.\d+Z$/, ' UTC')
}

/** As it is typed: words are quoted where a shell would read them otherwise. Lines break between flags, not within. */
export function commandMarkup(words: readonly string[]): Html {
  const typed = words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
  )
  return html`facekit${typed.map((word) => [
    ' ',
    /^--[\w-]+$/.test(word) ? html`<span class="flag">${word}</span>` : word,
  ])}`
}
