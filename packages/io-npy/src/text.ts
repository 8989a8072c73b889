import { isUtf8 } from 'node:buffer'

const MAX_CODE_POINT = 0x10ffff
const SURROGATE = /[\uD800-\uDFFF]/

/** Characters as NumPy counts them: code points, where JavaScript counts UTF-16 units. */
export function codePointLength(text: string): number {
  if (!SURROGATE.test(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

/**
 * NumPy's unicode rows as strings, without the NULs that pad them.
 *
 * @param bytes rows × width × uint32 code points, at an offset that is a multiple of 4; its byte order may be
 *   changed in place
 * @param onInvalid told the row (from 0) of a number that is no code point; throws
 */
export function decodeUnicode(
  bytes: Uint8Array,
  rows: number,
  bigEndian: boolean,
  onInvalid: (row: number, number: number) => never,
): string[] {
  if (bigEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
  const codes = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const width = codes.length / rows
  const latin1 = Buffer.allocUnsafe(width)
  const strings: string[] = []
  for (let row = 0; row < rows; row++) {
    const start = row * width
    let end = start + width
    while (end > start && codes[end - 1] === 0) end--
    // Most paths are ASCII: one pass narrows them and finds out.
    let seen = 0
    for (let i = start; i < end; i++) {
      seen |= codes[i]!
      latin1[i - start] = codes[i]!
    }
    strings.push(
      seen >>> 0 <= 0xff
        ? latin1.toString('latin1', 0, end - start)
        : decodeCodePoints(codes.subarray(start, end), (number) => onInvalid(row, number)),
    )
  }
  return strings
}

function decodeCodePoints(codes: Uint32Array, onInvalid: (number: number) => never): string {
  const units = Buffer.allocUnsafe(4 * codes.length)
  let at = 0
  for (const code of codes) {
    if (code > MAX_CODE_POINT) onInvalid(code)
    if (code > 0xffff) {
      at = units.writeUInt16LE(0xd7c0 + (code >> 10), at)
      at = units.writeUInt16LE(0xdc00 + (code & 0x3ff), at)
    } else {
      at = units.writeUInt16LE(code, at)
    }
  }
  return units.toString('utf16le', 0, at)
}

/**
 * Strings as NumPy's unicode rows.
 *
 * @param width code points per row, at least those of the longest string
 * @returns strings × width × uint32, little-endian, padded with NULs
 */
export function encodeUnicode(strings: readonly string[], width: number): Uint32Array {
  const codes = new Uint32Array(strings.length * width)
  for (let row = 0; row < strings.length; row++) {
    const text = strings[row]!
    let at = row * width
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!
      codes[at++] = code
      if (code > 0xffff) i++
    }
  }
  return codes
}

/**
 * NumPy's bytes rows (`|S`) as strings, taken as UTF-8, without the NULs that pad them.
 *
 * @param onInvalid told the row (from 0) that is not UTF-8, and its text as far as it is; throws
 */
export function decodeBytes(
  bytes: Uint8Array,
  rows: number,
  onInvalid: (row: number, text: string) => never,
): string[] {
  const width = bytes.length / rows
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: rows }, (_, row) => {
    let end = (row + 1) * width
    while (end > row * width && buffer[end - 1] === 0) end--
    const text = buffer.toString('utf8', row * width, end)
    // Two of them could become one text.
    return isUtf8(buffer.subarray(row * width, end)) ? text : onInvalid(row, text)
  })
}

/**
 * UTF-8 with the lone surrogates that a damaged file name can contain, as Python's pickle writes and reads them
 * (`surrogatepass`); Node alone would replace them.
 */
export function encodeUtf8(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length === text.length || !/\p{Surrogate}/u.test(text)) return bytes
  const parts: Buffer[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    const lone = code >= 0xd800 && code <= 0xdfff
    parts.push(
      lone ? Buffer.from([0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]) : Buffer.from(character),
    )
  }
  return Buffer.concat(parts)
}
