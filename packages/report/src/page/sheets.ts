import type { ReportFacts } from '../gather/gather.js'
import type { Cohesion } from '../gather/cohesion.js'
import type { LooseClasses } from '../gather/loose.js'
import type { Sheet } from '../gather/sheets.js'
import { LIMITS } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { sheet, type FaceTemplate } from './face.js'
import { html, type Content, type Html } from './html.js'
import { cosineText, counted, grouped, percent, shownOf } from './numbers.js'
import type { Section } from './section.js'

export function sheetSections(
  { run }: ReportSources,
  { sheets, loose, classes, seed }: ReportFacts,
  face: FaceTemplate,
): Section[] {
  const several = classes.sizes.length - classes.singletons
  const low = run?.clusterThresh
  const section = (
    id: string,
    title: string,
    intro: Content,
    of: readonly Sheet[],
    all: number,
  ): Section => ({
    id,
    title,
    count: shownOf(of.length, all),
    intro: of.length > 0 ? intro : noneOf(id, loose !== undefined),
    body: of.map((one) => sheetMarkup(one, classes.nameOf(one.class), low, face)),
  })
  return [
    section(
      'largest',
      'Largest classes',
      'The number under a face is its mean cosine to the others of its class; the least typical come last, where a face of somebody else would be. ▾ marks those that are lower than the threshold by 0.1 or more.',
      sheets.largest,
      several,
    ),
    section(
      'loose',
      'Least cohesive classes',
      looseIntro(loose, run?.method),
      sheets.loose,
      loose?.count ?? 0,
    ),
    section(
      'random',
      'Random classes',
      html`${
        sheets.random.length < several
          ? html`${sheets.random.length} of the ${grouped(several)} classes of two images or more, drawn with
              <code>--seed ${seed}</code>: `
          : 'All classes of two images or more: '
      }what
      most of the clustering looks like, good or bad.`,
      sheets.random,
      several,
    ),
  ]
}

function looseIntro(loose: LooseClasses | undefined, method: string | undefined): Content {
  const other =
    method === 'communities' ? '' : html`, or try <code>--method communities</code>, which does not chain`
  return html`Classes in which the fewest pairs of faces are similar enough to be joined directly: chains,
    blurred faces, persons that ran together.
    ${
      loose &&
      loose.groups.size > 0 &&
      `First come those whose faces fall into two groups that are less alike than the threshold asks.`
    }
    ${
      loose &&
      loose.by === 'groups' &&
      loose.count > LIMITS.looseClasses &&
      `The ${LIMITS.looseClasses} least cohesive were looked at for such groups.`
    }
    Where the faces are different persons, raise <code>--cluster_thresh</code>${other}.`
}

function noneOf(id: string, hasEdges: boolean): Content {
  if (id === 'loose' && !hasEdges)
    return html`There are no edges beside these labels to tell cohesion by; name them by
      <code>--edges</code>.`
  if (id === 'loose') return 'Every class of four images or more has all its edges.'
  return 'There is no class of two images or more.'
}

function sheetMarkup(
  { size, faces, compared, cohesion, groups }: Sheet,
  name: string,
  low: number | undefined,
  face: FaceTemplate,
): Html {
  const about = [
    counted(size, 'image'),
    cohesion !== undefined && size > 2 && cohesionText(cohesion),
    groups !== undefined && `two groups with a cosine of ${cosineText(groups)}`,
    faces.length < size && `${faces.length} shown`,
    compared > 0 && compared < size && `of ${compared} drawn`,
  ].filter(Boolean)
  return html`<article class="class">
    <h3>${name} <span class="about">${about.join(' · ')}</span></h3>
    ${sheet(
      `Faces of ${name}`,
      faces.map(({ row, cosine }) =>
        face(row, {
          ...(cosine !== undefined && { text: cosineText(cosine) }),
          isOdd: isOdd(cosine, low),
        }),
      ),
    )}
  </article>`
}

function cohesionText({ share, of }: Cohesion): string {
  if (of === 'pairs') return `${percent(share)} of its pairs are edges`
  if (of === 'drawn') return `${percent(share)} of the pairs of drawn faces reach the threshold`
  return `${percent(share)} of the edges that its lists of neighbors could hold`
}

/** Well below the threshold: another person, or a picture of little use. */
function isOdd(cosine: number | undefined, low: number | undefined): boolean {
  return cosine !== undefined && low !== undefined && cosine < low - 0.1
}
