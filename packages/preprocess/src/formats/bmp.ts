import {
  headerEnd,
  readBmpHeader,
  RUNS_OF_4_BITS,
  RUNS_OF_8_BITS,
  UNCOMPRESSED,
  type BmpHeader,
  type Palette,
} from './bmp-header.js'
import { unpackRuns } from './bmp-runs.js'
import type { PictureFormat, PictureHeader, RawImage } from './format.js'

export const BMP: PictureFormat = {
  name: 'BMP',
  isIn: (bytes) => bytes.toString('latin1', 0, 2) === 'BM',
  readHeader: readPictureHeader,
  isWhole: (bytes) => headerEnd(bytes) <= bytes.length,
  toInput: decodeBmp,
}

const CUT_OFF = 'cut off: the BMP ends before its last row'

const RGB_BYTES = 3

function readPictureHeader(bytes: Buffer): PictureHeader | undefined {
  const header = readBmpHeader(bytes)
  if (!header) return undefined
  const { width, bits, compression } = header
  const height = Math.abs(header.height)
  // Runs are unpacked first, to a byte a pixel.
  const unpackedBytes = bitsOfRuns(bits, compression) ? 1 : 0
  return { width, height, pixelBytes: RGB_BYTES, wholeBytes: (RGB_BYTES + unpackedBytes) * width * height }
}

/** Pixels as they are, of `bits` each, in rows of `rowBytes`. */
interface Pixels {
  bytes: Buffer
  start: number
  bits: number
  rowBytes: number
}

/**
 * Decodes a BMP of 1, 2, 4, 8, 16, 24 or 32 bits a pixel, palettes, bit fields and run-length compression included:
 * sharp's libvips reads none. Alpha is ignored, as viewers do.
 *
 * @throws Error with a short phrase for people, for fewer bytes than the header promises before any pixel is decoded
 */
function decodeBmp(bytes: Buffer): RawImage {
  const header = readBmpHeader(bytes)
  if (!header) throw new Error('damaged: the header of the BMP makes no sense')
  const { width, height: signedHeight } = header
  const height = Math.abs(signedHeight)
  const pixels = pixelsOf(bytes, header, height)
  const colour = colourReader(bytes, pixels, header)
  const data = Buffer.allocUnsafe(width * height * RGB_BYTES)
  for (let y = 0; y < height; y++) {
    // Rows come bottom first unless the height is negative.
    const row = pixels.start + (signedHeight > 0 ? height - 1 - y : y) * pixels.rowBytes
    for (let x = 0; x < width; x++) colour(row, x, data, (y * width + x) * RGB_BYTES)
  }
  return { data, width, height }
}

function pixelsOf(
  bytes: Buffer,
  { width, bits, compression, masks, start }: BmpHeader,
  height: number,
): Pixels {
  const runs = bitsOfRuns(bits, compression)
  if (runs) {
    const unpacked = unpackRuns(bytes, start, runs, width, height)
    if (!unpacked) throw new Error(CUT_OFF)
    return { bytes: unpacked, start: 0, bits: 8, rowBytes: width }
  }
  if (compression !== UNCOMPRESSED && !masks) throw new Error(whyCompressed(bits, compression))
  const rowBytes = Math.ceil((width * bits) / 32) * 4
  // Of the last row some writers leave out what only fills it up.
  if (start + rowBytes * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) throw new Error(CUT_OFF)
  return { bytes, start, bits, rowBytes }
}

/** undefined where the pixels are not in runs. */
function bitsOfRuns(bits: number, compression: number): 4 | 8 | undefined {
  if (compression === RUNS_OF_4_BITS && bits === 4) return 4
  return compression === RUNS_OF_8_BITS && bits === 8 ? 8 : undefined
}

/** What BMPs hold in place of pixels, for printers. */
const HELD: Readonly<Record<number, string>> = { 4: 'JPEG', 5: 'PNG' }

function whyCompressed(bits: number, compression: number): string {
  return bits === 0 && compression in HELD
    ? `a BMP that holds a ${HELD[compression]}, which is not read`
    : `a BMP of compression ${compression} and ${bits} bits a pixel, which cannot be read`
}

/** Writes the RGB of the pixel in column `x` of the row that starts at byte `row` to `data` at `to`. */
type ColourReader = (row: number, x: number, data: Buffer, to: number) => void

function colourReader(file: Buffer, { bytes, bits }: Pixels, { palette, masks }: BmpHeader): ColourReader {
  switch (bits) {
    case 1:
    case 2:
    case 4:
    case 8:
      return paletteReader(bytes, bits, file, palette)
    case 16:
    case 32:
      return maskReader(bytes, bits, masks ?? standardMasks(bits))
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

/** @param file where the palette is */
function paletteReader(
  bytes: Buffer,
  bits: 1 | 2 | 4 | 8,
  file: Buffer,
  { at: start, entryBytes, colours }: Palette,
): ColourReader {
  const perByte = 8 / bits
  return (row, x, data, to) => {
    const byte = bytes[row + Math.floor(x / perByte)]!
    const index = (byte >> (8 - bits - (x % perByte) * bits)) & (2 ** bits - 1)
    // A colour that the palette does not have is black.
    const at = index < colours ? start + entryBytes * index : Infinity
    data[to] = file[at + 2] ?? 0
    data[to + 1] = file[at + 1] ?? 0
    data[to + 2] = file[at] ?? 0
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
