import type { Picture } from '../gather/pictures.js'
import { LIMITS } from '../limits.js'
import { html, type Content, type Html } from './html.js'

/** What a face is shown with. */
export interface FaceNote {
  /** Under the picture, such as a cosine. */
  text?: string
  /** Whether it is out of the ordinary; `text` says so too. */
  isOdd?: boolean
}

/** Makes the faces of a page of its pictures. */
export type FaceTemplate = (row: number, note?: FaceNote) => Html

/** A button that names its image and copies its path. The page's script fills in the picture when it comes into view. */
export function faceTemplate(pictures: ReadonlyMap<number, Picture>): FaceTemplate {
  return (row, { text, isOdd = false } = {}) => {
    const { path, data, reason } = pictures.get(row)!
    const shown = shortPath(path)
    const picture =
      data === undefined
        ? html`<span class="missing"><span class="hidden">${shown}: </span>${reason}</span>`
        : html`<img data-row="${row}" alt="${shown}" width="84" height="84" decoding="async" />`
    return html`<li>
      <button type="button" class="face${isOdd && ' odd'}" data-row="${row}" data-path="${shown}">
        ${picture}${text !== undefined && html`<span class="note">${text}</span>`}
      </button>
    </li>`
  }
}

/** A row of faces; one stop for the tabulator, arrows go from face to face. */
export function sheet(label: string, faces: Content): Html {
  return html`<ul class="sheet" aria-label="${label}">
    ${faces}
  </ul>`
}

/** The middle is left out: folders begin alike, and names end differently. */
export function shortPath(path: string): string {
  const characters = [...path]
  if (characters.length <= LIMITS.pathLength) return path
  const half = LIMITS.pathLength / 2
  return `${characters.slice(0, half).join('')} … ${characters.slice(-half).join('')}`
}
