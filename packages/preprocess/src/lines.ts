import { TextDecoder } from 'node:util'
import { InputError } from './errors.js'

/** Longer than any path: such a line means that the file is no list. */
const MAX_LINE_LENGTH = 2 ** 16

/** Bytes of the longest mark that tells UTF-16 from UTF-8. */
const MARK_BYTES = 2

/** Controls that no name has which anybody lists, without TAB and ends of lines. */
const CONTROL = /(?![\t\n\r])\p{Control}/u

/**
 * Lines of a text, a chunk's worth at a time, without their ends and without a byte order mark: UTF-8, or UTF-16 after
 * its mark. They end in LF or CRLF; where a NUL comes before the first LF, each ends in NUL (`find -print0`), and holds
 * any other character.
 *
 * @throws InputError `INPUT_LIST` for what is no text
 */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string[]> {
  let rest = ''
  let end: string | undefined
  const cut = (text: string): string[] => {
    rest += text
    end ??= /[\n\0]/.exec(rest)?.[0]
    const lines = end === undefined ? [] : rest.split(end)
    if (end !== undefined) rest = lines.pop()!
    const isText = end === '\0' ? lines.every(isName) : !text.includes('\0')
    if (!isText || rest.length > MAX_LINE_LENGTH) {
      throw new InputError(
        'INPUT_LIST',
        `Expected a text file with one path per line but ${name} is none. UTF-16 is read with its byte order mark.`,
      )
    }
    return end === '\0' ? lines : lines.map(withoutCarriageReturn)
  }
  for await (const text of textOf(bytes)) yield cut(text)
  const last = rest
  if (end === '\0' && last !== '') yield cut('\0')
  else yield [withoutCarriageReturn(last)]
}

async function* textOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let head = new Uint8Array()
  let decoder: TextDecoder | undefined
  for await (const chunk of bytes) {
    if (decoder) {
      yield decoder.decode(chunk, { stream: true })
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length < MARK_BYTES) continue
    decoder = decoderOf(head)
    yield decoder.decode(head, { stream: true })
  }
  yield decoder ? decoder.decode() : new TextDecoder().decode(head)
}

function decoderOf([first, second]: Uint8Array): TextDecoder {
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le')
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be')
  return new TextDecoder()
}

/** What is no list has many NULs, one after the other or among controls; so has UTF-16, of which a line ends in CR. */
function isName(line: string): boolean {
  return line.trim() !== '' && !CONTROL.test(line)
}

function withoutCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
