import type { Pair } from '../gather/edge-facts.js'
import type { Copies, ReportFacts } from '../gather/gather.js'
import { LIMITS } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { sheet, shortText, type FaceTemplate } from './face.js'
import { html, type Html } from './html.js'
import { cosineText, counted, grouped, pairCosine } from './numbers.js'
import type { Section } from './section.js'

export function duplicatesSection(
  { run }: ReportSources,
  { duplicates, classes, seed }: ReportFacts,
  face: FaceTemplate,
): Section {
  return {
    id: 'duplicates',
    title: 'Removed duplicates',
    count: grouped(classes.duplicates),
    intro:
      duplicates.length === 0
        ? run?.duplicateThresh === null
          ? 'Duplicates were kept.'
          : 'No image was removed as a duplicate.'
        : html`The first of each row stayed, the others were removed for it; the number is their cosine to it.
            ${duplicates.length < classes.duplicates && html`Drawn with <code>--seed ${seed}</code>.`} Where
            they are different pictures worth keeping, raise <code>--duplicate_thresh</code>, or give
            <code>--no-remove_duplicates</code>.`,
    body: html`<div class="grid">${duplicates.map((copies) => copiesMarkup(copies, face))}</div>`,
  }
}

function copiesMarkup({ stays, count, copies }: Copies, face: FaceTemplate): Html {
  const more = count - copies.length
  return html`<div class="copies">
    ${sheet('An image that stayed and its duplicates', [
      face(stays, { text: 'stayed' }),
      copies.map(({ row, cosine }) =>
        face(row, { text: cosine === undefined ? 'removed' : cosineText(cosine) }),
      ),
    ])}
    ${more > 0 && html`<p class="note">and ${grouped(more)} more</p>`}
  </div>`
}

/** Pairs of images just below and just above the thresholds. */
export function borderlineSection(
  { run }: ReportSources,
  { edges, classes: { classOf } }: ReportFacts,
  face: FaceTemplate,
): Section {
  const joined = run?.method === 'communities' ? 'joined unless communities part it' : 'in one class'
  /** Communities part pairs above the threshold too. */
  const inTwo = ({ source, target }: Pair) => classOf[source] !== classOf[target] && 'in two classes'
  const threshold = run?.clusterThresh
  const duplicate = run?.duplicateThresh ?? undefined
  const lists = edges
    ? [
        pairList(threshold, 'One person', `just above, ${joined}`, edges.nearClass.above, face, inTwo),
        pairList(threshold, 'One person', 'just below, and not joined by it', edges.nearClass.below, face),
        pairList(duplicate, 'Duplicates', 'just above, one of them removed', edges.nearDuplicate.above, face),
        pairList(
          duplicate,
          'Duplicates',
          'just below, both kept unless others joined them',
          edges.nearDuplicate.below,
          face,
        ),
      ]
    : []
  return {
    id: 'borderline',
    title: 'Borderline pairs',
    intro: !edges
      ? html`There are no edges beside these labels; name them by <code>--edges</code>.`
      : !run
        ? 'The thresholds of these labels are not recorded.'
        : html`The pairs nearest to each threshold, up to ${LIMITS.borderline} on either side, no image twice.
          Where those just above are wrong, raise it; where those just below are right, lower it.
          ${
            edges.floor >= Math.fround(run.clusterThresh) &&
            'The search ended at the threshold: a lower floor would show what is below.'
          }`,
    body: lists,
  }
}

function pairList(
  threshold: number | undefined,
  of: string,
  where: string,
  pairs: readonly Pair[],
  face: FaceTemplate,
  remark: (pair: Pair) => string | false = () => false,
): Html | undefined {
  if (threshold === undefined || pairs.length === 0) return undefined
  return html`<h3>${of} from ${threshold} <span class="about">${where}</span></h3>
    <div class="grid">
      ${pairs.map(
        (pair) =>
          html`<div class="copies">
            ${sheet(`A pair with a cosine of ${cosineText(pair.similarity)}`, [face(pair.source), face(pair.target)])}
            <p class="note">${[pairCosine(pair.similarity), remark(pair)].filter(Boolean).join(' · ')}</p>
          </div>`,
      )}
    </div>`
}

export function failuresSection({ failures }: ReportFacts): Section {
  return {
    id: 'failures',
    title: 'Failed images',
    count: failures && grouped(failures.count),
    intro: !failures
      ? html`Nobody noted which images failed: there is no <code>failed.ndjson</code> beside the embeddings.`
      : failures.count === 0
        ? 'None: every image has an embedding.'
        : html`${counted(failures.count, 'image')} with no embedding, by reason. Mended ones are tried again
            by <code>facekit extract --retry-failed</code>.`,
    body:
      failures &&
      failures.count > 0 &&
      html`<dl class="failures">
        ${failures.groups.map(
          ({ reason, count, paths }) =>
            html`<div>
              <dt>${shortText(reason)} <span class="count">${grouped(count)}</span></dt>
              ${paths.map((path) => html`<dd><code>${shortText(path)}</code></dd>`)}
              ${count > paths.length && html`<dd class="note">and ${grouped(count - paths.length)} more</dd>`}
            </div>`,
        )}
        ${
          failures.others > 0 &&
          html`<div>
            <dt>other reasons <span class="count">${grouped(failures.others)}</span></dt>
          </div>`
        }
      </dl>`,
  }
}
