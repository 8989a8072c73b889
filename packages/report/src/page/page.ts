import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ReportFacts } from '../gather/gather.js'
import type { Picture } from '../gather/pictures.js'
import { LIMITS, MOST_PICTURES } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { cosinesSection, sizesSection, thresholdsSection } from './distributions.js'
import { alikeSection, bridgesSection } from './doubts.js'
import { faceTemplate, shortText } from './face.js'
import { Html, html, jsonMarkup } from './html.js'
import { grouped } from './numbers.js'
import { borderlineSection, duplicatesSection, failuresSection } from './pairs.js'
import { navigation, sectionMarkup } from './section.js'
import { sheetSections } from './sheets.js'
import { summarySection } from './summary.js'

const STYLE = inlined('style', 'page.css')
const SCRIPT = inlined('script', 'page.js')

/** Nothing is loaded, and nothing runs but the page's own script: not even what a name would smuggle in. */
const POLICY = [
  `default-src 'none'`,
  `img-src data:`,
  `style-src ${STYLE.hash}`,
  `script-src ${SCRIPT.hash}`,
  `base-uri 'none'`,
  `form-action 'none'`,
].join('; ')

export function page(sources: ReportSources, facts: ReportFacts, madeAt: Date): string {
  const face = faceTemplate(facts.pictures)
  const folder = shortText(sources.folder)
  const sections = [
    summarySection(sources, facts),
    sizesSection(facts),
    cosinesSection(sources, facts),
    thresholdsSection(sources),
    bridgesSection(sources, facts, face),
    alikeSection(sources, facts, face),
    ...sheetSections(sources, facts, face),
    duplicatesSection(sources, facts, face),
    borderlineSection(sources, facts, face),
    failuresSection(facts),
  ]
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(POLICY)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>facekit report of ${folder}</title>
        <link rel="icon" href="data:," />
        ${STYLE.element}
      </head>
      <body>
        <a class="skip" href="#summary-title">Skip to the report</a>
        <header>
          <p class="brand">facekit <span>report</span></p>
          ${navigation(sections)}
        </header>
        <main>
          <h1>Report of <span class="folder">${folder}</span></h1>
          <noscript
            ><p class="intro">
              The pictures of this page are shown by its script, which is switched off.
            </p></noscript
          >
          ${sections.map(sectionMarkup)}
        </main>
        <footer>
          <p>
            Made
            <time datetime="${madeAt.toISOString()}"
              >${madeAt.toISOString().slice(0, 16).replace('T', ' ')} UTC</time
            >
            from files alone, with <code>--seed ${facts.seed}</code>. It shows ${grouped(facts.pictures.size)}
            images, of ${grouped(MOST_PICTURES)} at most: ${LIMITS.sheetClasses} classes of each kind,
            whatever the number of images.
          </p>
        </footer>
        <p class="status" role="status" aria-live="polite" hidden></p>
        <script type="application/json" id="pictures">
          ${jsonMarkup(pictureData(facts.pictures))}
        </script>
        ${SCRIPT.element}
      </body>
    </html> `.markup
}

/** By row: the path as it is, to copy, and the picture. */
function pictureData(
  pictures: ReadonlyMap<number, Picture>,
): Record<number, { path: string; data?: string }> {
  return Object.fromEntries(
    [...pictures].map(([row, { path, data }]) => [row, data === undefined ? { path } : { path, data }]),
  )
}

/** A file as an element of the page, and the hash by which the policy lets it in: of its very bytes, blanks and all. */
function inlined(name: 'style' | 'script', file: string): { element: Html; hash: string } {
  const text = readFileSync(new URL(`../../assets/${file}`, import.meta.url), 'utf8')
  const hash = createHash('sha256').update(text).digest('base64')
  return { element: new Html(`<${name}>${text}</${name}>`), hash: `'sha256-${hash}'` }
}
