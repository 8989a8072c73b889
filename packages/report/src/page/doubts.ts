import type { AlikeClasses } from '../gather/alike.js'
import type { BridgedClass, Half, ReportFacts } from '../gather/gather.js'
import { LEAST_HALF, LIMITS } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { sheet, type FaceTemplate } from './face.js'
import { html, type Html } from './html.js'
import { className, cosineText, counted, grouped, justAbove, notAbove, pairCosine } from './numbers.js'
import type { Section } from './section.js'

/** Classes that one edge holds together. */
export function bridgesSection(
  { run }: ReportSources,
  { bridges }: ReportFacts,
  face: FaceTemplate,
): Section {
  const found = bridges?.bridges ?? []
  return {
    id: 'bridges',
    title: 'Several persons in a class?',
    count: bridges && grouped(bridges.classes),
    intro: !bridges
      ? 'There are no edges beside these labels to look for bridges in; name them by --edges.'
      : found.length === 0
        ? `No class falls into two parts of ${LEAST_HALF} images or more when one edge is taken out.`
        : html`${counted(bridges.classes, 'class', 'classes')} would fall into two parts of ${LEAST_HALF}
            images or more if a single pair were not similar enough. That pair stands between the two parts:
            where these are two persons, the threshold that parts them is named. (Persons that more pairs join
            are among the <a href="#loose">least cohesive classes</a>.)
            ${found.length < bridges.classes && `Shown are the ${found.length} with the largest parts.`}`,
    body: found.map((bridge) => bridgeMarkup(bridge, run?.method, face)),
  }
}

function bridgeMarkup(bridge: BridgedClass, method: string | undefined, face: FaceTemplate): Html {
  const { class: number, size, similarity, ofClass, halves } = bridge
  const name = className(number)
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
    <p class="advice">
      Two persons? ${method === 'communities' ? 'Communities keep them together; raise' : 'Raise'}
      <code>--cluster_thresh</code> to <code>${justAbove(similarity)}</code> to part them.
    </p>
  </article>`
}

/** Pairs of classes whose means are alike. */
export function alikeSection(
  { embeddings, edges }: ReportSources,
  { alike, classes }: ReportFacts,
  face: FaceTemplate,
): Section {
  const compared = Math.min(LIMITS.alikeClasses, classes.sizes.length - classes.singletons)
  return {
    id: 'alike',
    title: 'One person in two classes?',
    count: alike && String(alike.length),
    intro: !embeddings
      ? 'Without embeddings nothing is known of how alike classes are; name them by --input.'
      : html`Compared are the ${grouped(compared)} largest classes with one
        another${edges && ', and those that the most similar pairs of images are between'}.
        ${
          alike?.length === 0
            ? 'No two of them have mean faces that are as alike as the threshold asks.'
            : html`Those below have the mean faces that are most alike. Where they are one person, a lower
                threshold joins them; <a href="#thresholds">Other thresholds</a> tells what else it joins.`
        }`,
    body: alike?.map((pair) => alikeMarkup(pair, classes.sizes, face)),
  }
}

function alikeMarkup(
  { classes, cosine, nearest, rows }: AlikeClasses,
  sizes: Uint32Array,
  face: FaceTemplate,
): Html {
  const names = classes.map(className)
  return html`<article class="class">
    <h3>${names.join(' and ')} <span class="about">cosine of their means ${cosineText(cosine)}</span></h3>
    <div class="halves two">
      ${rows.map(
        (of, i) =>
          html`<div class="half">
            <h4>${names[i]} <span class="about">${counted(sizes[classes[i]!]!, 'image')}</span></h4>
            ${sheet(
              `Faces of ${names[i]!}`,
              of.map((row) => face(row)),
            )}
          </div>`,
      )}
    </div>
    <p class="advice">
      One person? <code>--cluster_thresh</code> <code>${notAbove(nearest.similarity)}</code> joins the two of
      these faces that are most alike, if the edges reach as low.
    </p>
  </article>`
}
