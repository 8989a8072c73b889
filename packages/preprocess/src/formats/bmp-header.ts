export interface BmpHeader {
  width: number
  /** Negative where rows come top first. */
  height: number
  bits: number
  compression: number
  palette: Palette
  /** Red, green and blue in pixels of 16 or 32 bits, where the header has them. */
  masks: readonly number[] | undefined
  /** First byte of the pixels. */
  start: number
}

export interface Palette {
  /** First byte. */
  at: number
  /** Blue, green, red and, in newer files, one more. */
  entryBytes: 3 | 4
  colours: number
}

export const UNCOMPRESSED = 0
export const RUNS_OF_8_BITS = 1
export const RUNS_OF_4_BITS = 2
const BIT_FIELDS = 3

const FILE_HEADER_BYTES = 14
const CORE_HEADER_BYTES = 12
const INFO_HEADER_BYTES = 40
const OS2_HEADER_BYTES = 64
/** Where newer headers have them, and where they follow an older one. */
const MASKS_AT = FILE_HEADER_BYTES + INFO_HEADER_BYTES
const MASKS_BYTES = 12
const MAX_PALETTE_BITS = 8

/**
 * Layout: Microsoft's BITMAPINFOHEADER and its V2–V5 extensions, and the BITMAPCOREHEADER of OS/2.
 *
 * @returns undefined where it makes no sense, or goes on after these bytes
 */
export function readBmpHeader(bytes: Buffer): BmpHeader | undefined {
  const end = headerEnd(bytes)
  if (end > bytes.length) return undefined
  const isCore = end === FILE_HEADER_BYTES + CORE_HEADER_BYTES
  if (!isCore && end < FILE_HEADER_BYTES + INFO_HEADER_BYTES) return undefined
  const header = isCore ? coreHeader(bytes, end) : infoHeader(bytes, end)
  if (header.width < 0) return undefined
  // Some writers leave it 0, or let it point into the header: the pixels follow the palette then.
  const start = bytes.readUInt32LE(10)
  const { at, entryBytes, colours } = header.palette
  return { ...header, start: start > end ? start : at + entryBytes * colours }
}

/** With the masks that follow an older header; Infinity where the bytes end before they say. */
export function headerEnd(bytes: Buffer): number {
  if (bytes.length < FILE_HEADER_BYTES + 4) return Infinity
  const end = FILE_HEADER_BYTES + bytes.readUInt32LE(14)
  return end <= bytes.length && hasMasks(bytes, end) ? Math.max(end, MASKS_AT + MASKS_BYTES) : end
}

/** In the header of OS/2 the same number is another compression. */
function hasMasks(bytes: Buffer, end: number): boolean {
  return (
    end >= FILE_HEADER_BYTES + INFO_HEADER_BYTES &&
    end !== FILE_HEADER_BYTES + OS2_HEADER_BYTES &&
    bytes.readUInt32LE(30) === BIT_FIELDS
  )
}

type Fields = Omit<BmpHeader, 'start'>

function coreHeader(bytes: Buffer, end: number): Fields {
  const bits = bytes.readUInt16LE(24)
  return {
    width: bytes.readUInt16LE(18),
    height: bytes.readUInt16LE(20),
    bits,
    compression: UNCOMPRESSED,
    palette: { at: end, entryBytes: 3, colours: coloursOf(bits, 0) },
    masks: undefined,
  }
}

function infoHeader(bytes: Buffer, end: number): Fields {
  const bits = bytes.readUInt16LE(28)
  return {
    width: bytes.readInt32LE(18),
    height: bytes.readInt32LE(22),
    bits,
    compression: bytes.readUInt32LE(30),
    palette: { at: end, entryBytes: 4, colours: coloursOf(bits, bytes.readUInt32LE(46)) },
    masks: hasMasks(bytes, end) ? [0, 4, 8].map((at) => bytes.readUInt32LE(MASKS_AT + at)) : undefined,
  }
}

function coloursOf(bits: number, used: number): number {
  return used === 0 && bits <= MAX_PALETTE_BITS ? 2 ** bits : used
}
