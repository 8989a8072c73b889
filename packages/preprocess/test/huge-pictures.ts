import { crc32, deflateSync } from 'node:zlib'

/** Pictures of few bytes and many pixels, all of one colour. */

/** A lossless WebP: its codes have one symbol each, so that no pixel needs a bit. */
export function blankWebp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(38)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WEBPVP8L', 8, 'latin1')
  bytes.writeUInt32LE(bytes.length - 20, 16)
  bytes[20] = 0x2f
  bytes.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 21)
  // No transform, no colour cache, no groups; then five codes of one symbol of one bit, which is 0: 1, 0, 0, 0 each.
  const bits = [0, 0, 0, ...Array.from({ length: 5 }, () => [1, 0, 0, 0]).flat()]
  bits.forEach((bit, i) => (bytes[25 + (i >> 3)]! |= bit << (i & 7)))
  return bytes
}

export interface PngKind {
  bits: 8 | 16
  /** Red, green, blue; or with alpha. */
  samples: 3 | 4
  interlaced: boolean
  /** Chunks between the header and the pixels. */
  chunks?: readonly Buffer[]
}

export function blankPng(width: number, height: number, kind: PngKind): Buffer {
  const { bits, samples, interlaced, chunks = [] } = kind
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([bits, samples === 3 ? 2 : 6, 0, 0, interlaced ? 1 : 0], 8)
  const passes = interlaced ? ADAM7 : [[0, 0, 1, 1] as const]
  const bytes = passes.reduce((sum, [x, y, stepX, stepY]) => {
    const [columns, rows] = [Math.ceil((width - x) / stepX), Math.ceil((height - y) / stepY)]
    return columns > 0 && rows > 0 ? sum + rows * (1 + (columns * samples * bits) / 8) : sum
  }, 0)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...chunks,
    pngChunk('IDAT', deflateSync(Buffer.alloc(bytes), { level: 1 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

/** First column and row, and steps, of the passes of an interlaced PNG. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

export function blankBmp(width: number, height: number): Buffer {
  const header = Buffer.alloc(54)
  header.write('BM', 0, 'latin1')
  header.writeUInt32LE(header.length, 10)
  header.writeUInt32LE(header.length - 14, 14)
  header.writeInt32LE(width, 18)
  header.writeInt32LE(height, 22)
  header.writeUInt16LE(24, 28)
  return Buffer.concat([header, Buffer.alloc(Math.ceil((width * 3) / 4) * 4 * height)])
}

/** A JPEG of three components, each of which comes in scans of its own: first one of all blocks, then refinements. */
export function blankProgressiveJpeg(width: number, height: number, scans: number): Buffer {
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8)
  const components = [1, 2, 3]
  const one = [...pair(1 << 8), ...Array<number>(14).fill(0)]
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, [0, ...Array<number>(64).fill(1)]),
    segment(0xc2, [8, ...pair(height), ...pair(width), 3, ...components.flatMap((id) => [id, 0x11, 0])]),
    // One code of one bit each: no difference, and the end of 2¹⁴ blocks or more.
    segment(0xc4, [0x00, ...one, 0]),
    segment(0xc4, [0x10, ...one, 0xe0]),
    segment(0xda, [3, ...components.flatMap((id) => [id, 0]), 0, 0, 0]),
    Buffer.alloc(Math.ceil((3 * blocks) / 8)),
    ...Array<Buffer>(scans - 1).fill(
      Buffer.concat([segment(0xda, [1, 1, 0, 1, 63, 0]), endsOfBlocks(blocks)]),
    ),
    Buffer.from([0xff, 0xd9]),
  ])
}

/** Codes of 15 bits, a 0 and by how much a run is longer than 2¹⁴ blocks; here not at all. */
function endsOfBlocks(blocks: number): Buffer {
  return Buffer.alloc(Math.ceil((Math.ceil(blocks / 2 ** 14) * 15) / 8))
}

function segment(marker: number, data: readonly number[]): Buffer {
  return Buffer.from([0xff, marker, ...pair(data.length + 2), ...data])
}

function pair(value: number): number[] {
  return [value >> 8, value & 0xff]
}
