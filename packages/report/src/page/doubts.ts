import type { AlikeClasses } from '../gather/alike.js'
import type { Classes } from '../gather/classes.js'
import type { BridgedClass, Half, ReportFacts } from '../gather/gather.js'
import { LEAST_HALF } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { sheet, type FaceTemplate } from './face.js'
import { html, type Html } from './html.js'
import { cosineText, counted, grouped, justAbove, notAbove, pairCosine, shownOf } from './numbers.js'
import type { Section } from './section.js'

/** Classes that one edge holds together. */
export function bridgesSection(
  { run }: ReportSources,
  { bridges, classes }: ReportFacts,
  face: FaceTemplate,
): Section {
  const found = bridges?.bridges ?? []
  return {
    id: 'bridges',
    title: 'Several persons in a class?',
    count: bridges && grouped(bridges.classes),
    intro: !bridges
      ? html`There are no edges beside these labels to look for bridges in; name them by
          <code>--edges</code>.`
      : found.length === 0
        ? html`No class falls into two parts of ${LEAST_HALF} images or more when one edge is taken out.
            Persons that more pairs join are among the <a href="#loose">least cohesive classes</a>.`
        : html`${counted(bridges.classes, 'class', 'classes')} would fall into two parts of ${LEAST_HALF}
            images or more if a single pair were not similar enough. That pair stands between the two parts:
            where these are two persons, the threshold that parts them is named. (Persons that more pairs join
            are among the <a href="#loose">least cohesive classes</a>.)
            ${found.length < bridges.classes && `Shown are the ${found.length} with the largest parts.`}`,
    body: found.map((bridge) => bridgeMarkup(bridge, classes.nameOf(bridge.class), run?.method, face)),
  }
}

function bridgeMarkup(
  bridge: BridgedClass,
  name: string,
  method: string | undefined,
  face: FaceTemplate,
): Html {
  const { size, similarity, ofClass, halves } = bridge
  const part = (half: Half, which: string) =>
    html`<div class="half">
      <h4>${counted(half.size, 'image')}</h4>
      ${sheet(
        `${which} part of ${name}`,
        half.rows.map((row) => face(row)),
      )}
    </div>`
  return html`<article class="class bridge">
    <h3>
      ${name}
      <span class="about"
        >${counted(size, 'image')}${ofClass > 1 && ` · ${ofClass} such pairs, the most even one shown`}</span
      >
    </h3>
    <div class="halves">
      ${part(halves[0], 'One')}
      <div class="between">
        <h4>The pair</h4>
        ${sheet(
          `The pair that joins ${name}`,
          halves.map(({ end }) => face(end)),
        )}
        <p class="note">cosine ${pairCosine(similarity)}</p>
      </div>
      ${part(halves[1], 'The other')}
    </div>
    <p class="advice">Two persons? ${partingAdvice(similarity, method)}</p>
  </article>`
}

function partingAdvice(similarity: number, method: string | undefined): Html {
  const threshold = justAbove(similarity)
  if (threshold === undefined) return html`No threshold parts them: the pair has a cosine of 1.`
  const flag = html`<code>--cluster_thresh ${threshold}</code>`
  return method === 'communities'
    ? html`${flag} leaves out the pair; whether that parts them the communities decide, which weigh all pairs.`
    : html`${flag} parts them.`
}

/** Pairs of classes whose means are alike. */
export function alikeSection(
  { run, embeddings, edges }: ReportSources,
  { alike, classes }: ReportFacts,
  face: FaceTemplate,
): Section {
  const found = alike?.pairs ?? []
  const others = classes.sizes.length - (alike?.compared ?? 0)
  return {
    id: 'alike',
    title: 'One person in two classes?',
    count: alike && shownOf(found.length, alike.count),
    intro: !embeddings
      ? html`Without embeddings nothing is known of how alike classes are; name them by <code>--input</code>.`
      : alike!.compared < 2
        ? 'There are no two classes of two images or more to compare.'
        : html`Compared are the ${counted(alike?.largest ?? 0, 'largest class', 'largest classes')} of two
          images or more with one
          another${edges && ', and those that the most similar pairs of images are between'}${others > 0 && `; ${counted(others, 'class was', 'classes were')} not compared`}.
          ${
            found.length === 0
              ? 'No two of them have mean faces that are as alike as the threshold asks.'
              : html`Those below have the mean faces that are most
                  alike${found.length < alike!.count && `, ${found.length} of ${grouped(alike!.count)} pairs that are as alike as the threshold asks`}.
                  Where they are one person, a lower threshold
                  ${run?.method === 'communities' ? 'may join' : 'joins'} them;
                  <a href="#thresholds">Other thresholds</a> tells what else it joins.`
          }`,
    body: found.map((pair) => alikeMarkup(pair, classes, run?.method, face)),
  }
}

function alikeMarkup(
  { classes: pair, cosine, nearest, rows }: AlikeClasses,
  classes: Classes,
  method: string | undefined,
  face: FaceTemplate,
): Html {
  const names = pair.map((number) => classes.nameOf(number))
  return html`<article class="class">
    <h3>${names.join(' and ')} <span class="about">cosine of their means ${cosineText(cosine)}</span></h3>
    <div class="halves two">
      ${rows.map(
        (of, i) =>
          html`<div class="half">
            <h4>${names[i]} <span class="about">${counted(classes.sizes[pair[i]!]!, 'image')}</span></h4>
            ${sheet(
              `Faces of ${names[i]!}`,
              of.map((row) => face(row)),
            )}
          </div>`,
      )}
    </div>
    <p class="advice">
      One person? <code>--cluster_thresh ${notAbove(nearest.similarity)}</code>
      ${
        method === 'communities'
          ? 'takes in the two of these faces that are most alike, if the edges reach as low; whether that joins the classes the communities decide.'
          : 'joins the two of these faces that are most alike, if the edges reach as low.'
      }
    </p>
  </article>`
}
