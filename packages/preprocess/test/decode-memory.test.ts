import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'
import { rounds, seededRandom } from '@facekit/testing'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { blankBmp, blankPng, blankProgressiveJpeg, blankWebp, pngChunk } from './huge-pictures.js'
import { bmp, bmpOfRuns, bmpRuns, testPicture } from './pictures.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-memory-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PROGRAM = fileURLToPath(new URL('decode-alone.mjs', import.meta.url))
const BOMB = fileURLToPath(
  new URL('../../../../shared/fixtures/inputs/webp_38_bytes_98MP.webp', import.meta.url),
)
const GREYS = Array.from({ length: 256 }, (_, i) => [i, i, i])
const MIB = 2 ** 20
/** What the program takes that decodes small pictures only, and some to spare. */
const PROGRAM_BYTES = 150 * MIB

/** glibc keeps what was freed, for each thread, and how much depends on the load: this gives large pieces back at once. */
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '131072' }

interface Outcome {
  decoded: number
  failures: { index: number; reason: string }[]
  peakBytes: number
}

let runs = 0

/** Decodes pictures by four workers in a process of its own. */
async function decodeAlone(pictures: readonly (Buffer | string)[], options: object): Promise<Outcome> {
  const run = join(folder, String(runs++))
  const paths = pictures.map((picture, i) => {
    if (typeof picture === 'string') return picture
    writeFileSync(`${run}-${i}`, picture)
    return `${run}-${i}`
  })
  writeFileSync(`${run}.txt`, paths.join('\n'))
  const args = [PROGRAM, `${run}.txt`, JSON.stringify(options)]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...ALLOCATOR },
  })
  return JSON.parse(stdout) as Outcome
}

function fourOf<T>(picture: T): T[] {
  return Array<T>(4).fill(picture)
}

describe('the memory of all decoders together', () => {
  // Each takes from 150 to 240 MiB, of which there is room for one.
  it.each([
    ['WebP of 38 bytes', () => blankWebp(5000, 5000)],
    ['progressive JPEG', () => blankProgressiveJpeg(5000, 5000, 2)],
    ['interlaced PNG of 16 bits', () => blankPng(5000, 5000, { bits: 16, samples: 4, interlaced: true })],
    ['PNG that is wide', () => blankPng(65_000, 400, { bits: 8, samples: 3, interlaced: false })],
    ['BMP', () => blankBmp(5000, 5000)],
    ['BMP of 1 kB, of runs', () => bmpOfRuns(7000, 6000, 8, GREYS, [0, 1])],
  ])(
    'is bounded for a %s',
    async (_kind, make) => {
      const decodeMemoryBytes = 256 * MIB
      const { decoded, failures, peakBytes } = await decodeAlone(fourOf(make()), { decodeMemoryBytes })
      expect([decoded, failures]).toEqual([4, []])
      expect(peakBytes).toBeLessThan(decodeMemoryBytes + PROGRAM_BYTES)
    },
    180_000,
  )

  it('is that of one picture, where one takes more than there may be', async () => {
    const pictures = fourOf(blankWebp(5000, 5000))
    const { decoded, peakBytes } = await decodeAlone(pictures, { decodeMemoryBytes: MIB })
    expect(decoded).toBe(4)
    expect(peakBytes).toBeLessThan(256 * MIB + PROGRAM_BYTES)
  }, 180_000)

  it.skipIf(!existsSync(BOMB))(
    'is within its default for pictures of 98 megapixels',
    async () => {
      const { decoded, peakBytes } = await decodeAlone(fourOf(BOMB), {})
      expect(decoded).toBe(4)
      expect(peakBytes).toBeLessThan(1024 * MIB + PROGRAM_BYTES)
    },
    180_000,
  )

  it('is not taken by compressed text', async () => {
    const text = deflateSync(Buffer.alloc(7_900_000, 'a'))
    const texts = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0
        ? pngChunk('zTXt', Buffer.concat([Buffer.from(`key ${i}\0\0`), text]))
        : pngChunk('iTXt', Buffer.concat([Buffer.from(`key ${i}\0\x01\0\0\0`), text])),
    )
    const picture = blankPng(112, 112, { bits: 8, samples: 3, interlaced: false, chunks: texts })
    const { decoded, peakBytes } = await decodeAlone([picture], {})
    expect(decoded).toBe(1)
    expect(peakBytes).toBeLessThan(PROGRAM_BYTES)
  })

  it('is bounded whatever happened to a picture', async () => {
    const whole = await validPictures()
    const random = seededRandom(7)
    const mutants = Array.from({ length: rounds(400, 20_000) }, (_, i) =>
      mutate(whole[i % whole.length]!, random),
    )
    const options = { decodeMemoryBytes: 64 * MIB, maxPixels: 4_000_000 }
    const { decoded, failures, peakBytes } = await decodeAlone(mutants, options)
    expect(decoded + failures.length).toBe(mutants.length)
    for (const { reason } of failures) expect(reason).toMatch(/^[^\n]{5,}$/)
    // The largest within the pixels is wider than high, and decoded alone.
    expect(peakBytes).toBeLessThan(160 * MIB + PROGRAM_BYTES)
  }, 600_000)
})

async function validPictures(): Promise<Buffer[]> {
  const [width, height] = [48, 40]
  const pixels = testPicture(width, height)
  const encode = () => sharp(pixels, { raw: { width, height, channels: 3 } })
  const colours = Array.from({ length: width * height }, (_, i) => [...pixels.subarray(3 * i, 3 * i + 3)])
  return [
    await encode().jpeg().toBuffer(),
    await encode().jpeg({ progressive: true }).toBuffer(),
    await encode().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    await encode().png().toBuffer(),
    await encode().png({ progressive: true }).toBuffer(),
    await encode().png({ palette: true }).toBuffer(),
    await encode().webp().toBuffer(),
    await encode().webp({ lossless: true }).toBuffer(),
    await encode().ensureAlpha(0.5).webp().toBuffer(),
    bmp(width, height, 24, colours),
    bmp(width, height, 8, colours),
    bmpOfRuns(width, height, 8, colours.slice(0, 256), bmpRuns(seededRandom(9), width, height, 8, true).runs),
  ]
}

/** Some bits or bytes become others, mostly in the header; the checksums of PNG are made right again. */
function mutate(picture: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(picture)
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
    const reach = random() < 0.8 ? Math.min(64, bytes.length) : bytes.length
    const at = Math.floor(random() * reach)
    bytes[at] = random() < 0.5 ? bytes[at]! ^ (1 << Math.floor(random() * 8)) : Math.floor(random() * 256)
  }
  // Else a changed header is refused before anything is decoded.
  if (bytes.toString('latin1', 12, 16) === 'IHDR') pngChunk('IHDR', bytes.subarray(16, 29)).copy(bytes, 8)
  return bytes
}
