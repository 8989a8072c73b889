import { printable } from '@facekit/core'

/** Markup that may stand in a page as it is. Only `html` makes it, and what is known to be markup. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }

  toString(): string {
    return this.markup
  }
}

export type Content = Html | string | number | undefined | false | readonly Content[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template whose values are shown and never obeyed: text is escaped, and made printable, in quoted attributes as well. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((part, i) => (i === 0 ? part : `${markupOf(values[i - 1])}${part}`)).join(''))
}

function markupOf(value: Content): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Html) return value.markup
  if (typeof value === 'object') return value.map(markupOf).join('')
  return printable(String(value)).replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!)
}

/** What could end the element that data stand in, or turn the direction of the page's source. */
const UNSAFE = /[<\p{Bidi_Control}\p{Line_Separator}\p{Paragraph_Separator}]/gu

/** Data for a script. */
export function jsonMarkup(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replaceAll(
      UNSAFE,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  )
}
