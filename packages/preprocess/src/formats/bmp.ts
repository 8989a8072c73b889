import type { PictureFormat, PictureHeader, RawImage } from './format.js'

export const BMP: PictureFormat = {
  name: 'BMP',
  isIn: (bytes) => bytes.toString('latin1', 0, 2) === 'BM',
  readHeader: readPictureHeader,
  isWhole: (bytes) => headerEnd(bytes) <= bytes.length,
  toInput: decodeBmp,
}

const FILE_HEADER_BYTES = 14
const CORE_HEADER_BYTES = 12
const INFO_HEADER_BYTES = 40

const CUT_OFF = 'cut off: the BMP ends before its last row'

const UNCOMPRESSED = 0
const BIT_FIELDS = 3

interface Header {
  width: number
  /** Negative where rows come top first. */
  height: number
  bits: number
  compression: number
  palette: Palette
}

interface Palette {
  /** First byte. */
  at: number
  /** Blue, green, red and, in newer files, one more. */
  entryBytes: 3 | 4
  colours: number
}

const RGB_BYTES = 3

function readPictureHeader(bytes: Buffer): PictureHeader | undefined {
  const header = readHeader(bytes)
  if (!header) return undefined
  const { width, height: signedHeight } = header
  const height = Math.abs(signedHeight)
  return { width, height, pixelBytes: RGB_BYTES, wholeBytes: RGB_BYTES * width * height }
}

/**
 * Decodes an uncompressed BMP of 1, 4, 8, 16, 24 or 32 bits a pixel, palettes and bit fields included: sharp's libvips
 * reads none. Alpha is ignored, as viewers do. Run-length compression is refused.
 *
 * Layout: Microsoft's BITMAPINFOHEADER and its V2–V5 extensions, and the BITMAPCOREHEADER of OS/2.
 *
 * @throws Error with a short phrase for people, for fewer bytes than the header promises before any pixel is decoded
 */
function decodeBmp(bytes: Buffer): RawImage {
  const header = readHeader(bytes)
  if (!header) throw new Error('damaged: the header of the BMP makes no sense')
  const { width, height: signedHeight, bits, compression, palette } = header
  const height = Math.abs(signedHeight)
  if (compression !== UNCOMPRESSED && compression !== BIT_FIELDS)
    throw new Error('a compressed BMP, which cannot be read')

  const rowBytes = Math.ceil((width * bits) / 32) * 4
  const start = bytes.readUInt32LE(10)
  if (start + rowBytes * height > bytes.length) throw new Error(CUT_OFF)

  const colour = colourReader(bytes, bits, compression, palette)
  const data = Buffer.allocUnsafe(width * height * RGB_BYTES)
  for (let y = 0; y < height; y++) {
    // Rows come bottom first unless the height is negative.
    const row = start + (signedHeight > 0 ? height - 1 - y : y) * rowBytes
    for (let x = 0; x < width; x++) colour(row, x, data, (y * width + x) * RGB_BYTES)
  }
  return { data, width, height }
}

/** @returns undefined where it makes no sense, or goes on after these bytes */
function readHeader(bytes: Buffer): Header | undefined {
  const at = headerEnd(bytes)
  if (at > bytes.length) return undefined
  const isCore = at === FILE_HEADER_BYTES + CORE_HEADER_BYTES
  if (!isCore && at < FILE_HEADER_BYTES + INFO_HEADER_BYTES) return undefined
  const header = isCore ? coreHeader(bytes, at) : infoHeader(bytes, at)
  return header.width <= 0 || header.height === 0 ? undefined : header
}

/** Infinity where the bytes end before they say. */
function headerEnd(bytes: Buffer): number {
  return bytes.length < FILE_HEADER_BYTES + 4 ? Infinity : FILE_HEADER_BYTES + bytes.readUInt32LE(14)
}

function coreHeader(bytes: Buffer, at: number): Header {
  const bits = bytes.readUInt16LE(24)
  return {
    width: bytes.readUInt16LE(18),
    height: bytes.readUInt16LE(20),
    bits,
    compression: UNCOMPRESSED,
    palette: { at, entryBytes: 3, colours: 2 ** bits },
  }
}

function infoHeader(bytes: Buffer, at: number): Header {
  const bits = bytes.readUInt16LE(28)
  return {
    width: bytes.readInt32LE(18),
    height: bytes.readInt32LE(22),
    bits,
    compression: bytes.readUInt32LE(30),
    palette: { at, entryBytes: 4, colours: bytes.readUInt32LE(46) || 2 ** bits },
  }
}

/** Writes the RGB of the pixel in column `x` of the row that starts at byte `row` to `data` at `to`. */
type ColourReader = (row: number, x: number, data: Buffer, to: number) => void

function colourReader(bytes: Buffer, bits: number, compression: number, palette: Palette): ColourReader {
  switch (bits) {
    case 1:
    case 4:
    case 8:
      return paletteReader(bytes, bits, palette)
    case 16:
    case 32: {
      const masks =
        compression === BIT_FIELDS ? [54, 58, 62].map((at) => bytes.readUInt32LE(at)) : standardMasks(bits)
      return maskReader(bytes, bits, masks)
    }
    case 24:
      return (row, x, data, to) => {
        data[to] = bytes[row + 3 * x + 2]!
        data[to + 1] = bytes[row + 3 * x + 1]!
        data[to + 2] = bytes[row + 3 * x]!
      }
    default:
      throw new Error(`a BMP of ${bits} bits a pixel, which cannot be read`)
  }
}

function paletteReader(
  bytes: Buffer,
  bits: 1 | 4 | 8,
  { at: start, entryBytes, colours }: Palette,
): ColourReader {
  const perByte = 8 / bits
  return (row, x, data, to) => {
    const byte = bytes[row + Math.floor(x / perByte)]!
    const index = (byte >> (8 - bits - (x % perByte) * bits)) & (2 ** bits - 1)
    // A colour that the palette does not have is black.
    const at = index < colours ? start + entryBytes * index : Infinity
    data[to] = bytes[at + 2] ?? 0
    data[to + 1] = bytes[at + 1] ?? 0
    data[to + 2] = bytes[at] ?? 0
  }
}

function standardMasks(bits: 16 | 32): number[] {
  return bits === 16 ? [0x7c00, 0x03e0, 0x001f] : [0xff0000, 0x00ff00, 0x0000ff]
}

function maskReader(bytes: Buffer, bits: 16 | 32, masks: readonly number[]): ColourReader {
  const channels = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)
    return { mask, shift, max: mask >>> shift || 1 }
  })
  return (row, x, data, to) => {
    const value = bits === 16 ? bytes.readUInt16LE(row + 2 * x) : bytes.readUInt32LE(row + 4 * x)
    channels.forEach(({ mask, shift, max }, i) => {
      data[to + i] = Math.round((((value & mask) >>> shift) * 255) / max)
    })
  }
}
