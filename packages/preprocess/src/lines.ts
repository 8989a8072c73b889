import { InputError } from './errors.js'

/** Longer than any path: such a line means that the file is no list. */
const MAX_LINE_LENGTH = 2 ** 16

/**
 * Lines of a UTF-8 text, a chunk's worth at a time, without their ends (LF or CRLF) and without a byte order mark.
 *
 * @throws InputError `INPUT_LIST` for what is no text
 */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string[]> {
  const decoder = new TextDecoder()
  let rest = ''
  const cut = (text: string): string[] => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE_LENGTH || text.includes('\0')) {
      throw new InputError('INPUT_LIST', `Expected a text file with one path per line but ${name} is none`)
    }
    return lines.map(withoutCarriageReturn)
  }
  for await (const chunk of bytes) yield cut(decoder.decode(chunk, { stream: true }))
  yield [...cut(decoder.decode()), withoutCarriageReturn(rest)]
}

function withoutCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
