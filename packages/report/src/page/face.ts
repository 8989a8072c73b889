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
    const shown = shortText(path)
    const name = html`<span class="name">${shortName(path)}</span>`
    // Paper has no pointer to ask for the path, so that the name is printed where it matters.
    const picture =
      data === undefined
        ? html`<span class="missing">${name} <span>${reason !== undefined && shortText(reason)}</span></span>`
        : html`<img data-row="${row}" alt="${shown}" width="84" height="84" decoding="async" />${name}`
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
export function shortText(text: string, most: number = LIMITS.textLength): string {
  const characters = [...text]
  if (characters.length <= most) return text
  const half = most / 2
  return `${characters.slice(0, half).join('')} … ${characters.slice(-half).join('')}`
}

/** The name of a file and of the folder that it is in: many albums number the pictures of each person. */
function shortName(path: string): string {
  return shortText(path.split(/[/\\]/).slice(-2).join('/'), LIMITS.nameLength)
}
