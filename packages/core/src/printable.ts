/** What a terminal obeys instead of showing it: controls, marks that turn the direction of text, ends of lines. */
const OBEYED = /[\p{Control}\p{Bidi_Control}\p{Line_Separator}\p{Paragraph_Separator}]/gu

const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

/**
 * Text with words from elsewhere (names of files and of what is in a model, reasons) as one line that a terminal shows
 * as it is: `\n`, `\x1b` and `\u202e` stand for what they name. JSON stays the same JSON, which has no raw C0 controls.
 */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, (character) => SHORT.get(character) ?? escape(character.codePointAt(0)!))
}

function escape(code: number): string {
  return code < 0x20 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
