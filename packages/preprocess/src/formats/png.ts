import type { PictureFormat, PictureHeader } from './format.js'

export const PNG: PictureFormat = {
  name: 'PNG',
  isIn: (bytes) => bytes.toString('latin1', 0, SIGNATURE.length) === SIGNATURE,
  readHeader,
  isWhole: (bytes) => bytes.includes('IEND'),
  toInput,
}

const SIGNATURE = '\x89PNG\r\n\x1a\n'
const HEADER_BYTES = 33

/** Samples of a pixel by type of colour; where a colour may be transparent, there is one more. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 2, 2: 4, 3: 4, 4: 2, 6: 4 }

/** deflate makes no more of a byte. */
const MAX_INFLATION = 1032
/** libpng inflates no chunk to more. */
const MAX_CHUNK_BYTES = 8_000_000
/** A colour profile is copied on its way: measured, 41 MB for one of 8. */
const PROFILE_COPIES = 5

/** Compressed text: of no use here, and libpng would inflate a thousand of them, to 8 MB each. */
const TEXTS = ['zTXt', 'iTXt']

function readHeader(bytes: Buffer): PictureHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined
  const width = bytes.readUInt32BE(16)
  const height = bytes.readUInt32BE(20)
  const samples = SAMPLES[bytes[25]!]
  if (samples === undefined) return undefined
  const pixelBytes = bytes[24] === 16 ? 2 * samples : samples
  const interlaced = bytes[28] !== 0
  let profileBytes = 0
  for (const { type, start, end } of chunks(bytes)) {
    if (type === 'iCCP')
      profileBytes = PROFILE_COPIES * Math.min(MAX_CHUNK_BYTES, MAX_INFLATION * (end - start))
    if (type !== 'IDAT') continue
    const wholeBytes = (interlaced ? width * height * pixelBytes : 0) + profileBytes
    return { width, height, pixelBytes, wholeBytes }
  }
  return undefined
}

function toInput(bytes: Buffer): Buffer {
  const kept: Buffer[] = []
  let from = 0
  for (const { type, start, end } of chunks(bytes)) {
    // libvips reads nothing after the pixels.
    if (type === 'IDAT') break
    if (!TEXTS.includes(type)) continue
    kept.push(bytes.subarray(from, start))
    from = end
  }
  return from === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(from)])
}

function* chunks(bytes: Buffer): Generator<{ type: string; start: number; end: number }> {
  for (let start = SIGNATURE.length; start + 8 <= bytes.length;) {
    const end = start + 12 + bytes.readUInt32BE(start)
    yield { type: bytes.toString('latin1', start + 4, start + 8), start, end }
    start = end
  }
}
