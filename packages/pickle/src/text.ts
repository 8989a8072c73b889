/**
 * UTF-8 with the lone surrogates that a damaged file name can contain, as Python's pickle writes and reads them
 * (`surrogatepass`); `undefined` where `bytes` are no UTF-8.
 */
export function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString()
  if (!text.includes('\uFFFD')) return text
  // Through latin1, in which each byte is a character, so that a pattern can find the surrogates.
  const pieces = bytes.toString('latin1').split(/(\xED[\xA0-\xBF][\x80-\xBF])/)
  try {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return pieces
      .map((piece, i) => {
        const raw = Buffer.from(piece, 'latin1')
        if (i % 2 === 0) return strict.decode(raw)
        return String.fromCharCode(0xd000 | ((raw[1]! & 0x3f) << 6) | (raw[2]! & 0x3f))
      })
      .join('')
  } catch {
    return undefined
  }
}

/** A string of Python 2, which was text or bytes: text where it can be. */
export function decodeString(bytes: Buffer): string | Buffer {
  return decodeUtf8(bytes) ?? Buffer.from(bytes)
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/** A string of Python 2 as its source spells it, with quotes; `undefined` where it is none. */
export function parseString(line: string): string | Buffer | undefined {
  const quoted = /^(['"])((?:[^\\]|\\(?:['"\\nrt]|x[0-9a-fA-F]{2}))*)\1$/.exec(line)?.[2]
  if (quoted === undefined) return undefined
  const text = quoted.replaceAll(/\\(?:x(..)|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return decodeString(Buffer.from(text, 'latin1'))
}

/** Python's raw-unicode-escape: latin1, and `\u` and `\U` for all else. */
export function parseUnicode(line: string): string {
  return line.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))/g,
    (_, four, eight) => String.fromCodePoint(Number.parseInt(four ?? eight, 16)),
  )
}
