import type { ReportFacts } from '../gather/gather.js'
import type { Sheet } from '../gather/sheets.js'
import type { ReportSources } from '../sources.js'
import { sheet, type FaceTemplate } from './face.js'
import { html, type Content, type Html } from './html.js'
import { className, cosineText, counted, percent } from './numbers.js'
import type { Section } from './section.js'

export function sheetSections(
  { run }: ReportSources,
  { sheets, classes, seed, edges }: ReportFacts,
  face: FaceTemplate,
): Section[] {
  const several = classes.sizes.length - classes.singletons
  const low = run?.clusterThresh
  const section = (id: string, title: string, intro: Content, of: readonly Sheet[]): Section => ({
    id,
    title,
    count: String(of.length),
    intro: of.length > 0 ? intro : noneOf(id, edges !== undefined),
    body: of.map((one) => sheetMarkup(one, low, face)),
  })
  return [
    section(
      'largest',
      'Largest classes',
      'The number under a face is its mean cosine to the others of its class; the least typical come last, and so does somebody else. ▾ marks those that are lower than the threshold by 0.1 or more.',
      sheets.largest,
    ),
    section(
      'loose',
      'Least cohesive classes',
      'Classes in which the fewest pairs of faces are similar enough to be joined directly: chains, blurred faces, persons that ran together. Where the faces are different persons, raise --cluster_thresh, or try --method communities, which does not chain.',
      sheets.loose,
    ),
    section(
      'random',
      'Random classes',
      `${sheets.random.length} of ${counted(several, 'class', 'classes')} of two images or more, drawn with --seed ${seed}: what the clustering looks like where nothing is the matter.`,
      sheets.random,
    ),
  ]
}

function noneOf(id: string, hasEdges: boolean): string {
  if (id === 'loose' && !hasEdges)
    return 'There are no edges beside these labels to tell cohesion by; name them by --edges.'
  if (id === 'loose') return 'Every class of four images or more has all its edges.'
  return 'There is no class of two images or more.'
}

function sheetMarkup(
  { class: number, size, faces, compared, cohesion }: Sheet,
  low: number | undefined,
  face: FaceTemplate,
): Html {
  const name = className(number)
  const about = [
    counted(size, 'image'),
    cohesion !== undefined && size > 2 && `${percent(cohesion)} of its pairs are edges`,
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

/** Well below the threshold: another person, or a picture of little use. */
function isOdd(cosine: number | undefined, low: number | undefined): boolean {
  return cosine !== undefined && low !== undefined && cosine < low - 0.1
}
