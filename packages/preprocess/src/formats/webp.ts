import type { PictureFormat, PictureHeader } from './format.js'

export const WEBP: PictureFormat = {
  name: 'WebP',
  isIn: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
  readHeader,
  isWhole: (bytes) => bytes.length >= 8 + bytes.readUInt32LE(4),
  toInput: (bytes) => bytes,
}

const PIXEL_BYTES = 4
/** libwebp decodes whole pictures only, and libvips copies them; so it is with frames of an animation. */
const COPIES = 2

function readHeader(bytes: Buffer): PictureHeader | undefined {
  const size = readSize(bytes)
  if (!size) return undefined
  return { ...size, pixelBytes: PIXEL_BYTES, wholeBytes: COPIES * PIXEL_BYTES * size.width * size.height }
}

/** The size in the first chunk. libwebp refuses a picture whose chunks disagree. */
function readSize(bytes: Buffer): { width: number; height: number } | undefined {
  if (bytes.length < 30) return readLosslessSize(bytes)
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) }
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff }
    default:
      return readLosslessSize(bytes)
  }
}

function readLosslessSize(bytes: Buffer): { width: number; height: number } | undefined {
  if (bytes.length < 25 || bytes.toString('latin1', 12, 16) !== 'VP8L') return undefined
  const bits = bytes.readUInt32LE(21)
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) }
}
