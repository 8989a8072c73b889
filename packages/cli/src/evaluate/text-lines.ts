import { createReadStream } from 'node:fs'
import { TruthError } from './errors.js'

/** Larger reads are no faster. */
const CHUNK_BYTES = 2 ** 18

/** Longer than any path: a file with such a line is no text. */
export const MAX_LINE_LENGTH = 2 ** 16

/**
 * Lines of a UTF-8 text, a chunk's worth at a time, without their ends (LF or CRLF) and without a byte order mark.
 *
 * @throws TruthError `TRUTH_FILE`; the reason of the signal
 */
export async function* textLines(path: string, signal?: AbortSignal): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  const cut = (text: string): string[] => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE_LENGTH)
      throw new Error(`it has a line of more than ${MAX_LINE_LENGTH} characters`)
    return lines.map(withoutCarriageReturn)
  }
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      signal?.throwIfAborted()
      yield cut(decoder.decode(chunk as Uint8Array, { stream: true }))
    }
    yield cut(decoder.decode())
  } catch (cause) {
    signal?.throwIfAborted()
    const { message, code } = cause as NodeJS.ErrnoException
    const what = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is no UTF-8' : message
    throw new TruthError(
      'TRUTH_FILE',
      `Expected a text file at ${path} but ${what}. Save it as UTF-8, an image a line.`,
      { cause },
    )
  }
  if (rest !== '') yield [withoutCarriageReturn(rest)]
}

function withoutCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
