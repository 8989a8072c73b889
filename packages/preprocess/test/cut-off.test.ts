import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@facekit/testing'
import sharp from 'sharp'
import { afterAll, expect, it } from 'vitest'
import { decodeImage, ImageError } from '../src/index.js'
import { bmp, bmpOfRuns, bmpRuns, testPicture } from './pictures.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-cut-off-'))
afterAll(() => rmSync(folder, { recursive: true }))

const WIDTH = 60
const HEIGHT = 50
const picture = testPicture(WIDTH, HEIGHT)
const encode = () => sharp(picture, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })

/** Pictures of every kind that facekit looks for in folders, by the name of their format. */
const PICTURES: readonly (readonly [string, string, Buffer])[] = [
  ['JPEG', 'baseline', await encode().jpeg().toBuffer()],
  ['JPEG', 'progressive', await encode().jpeg({ progressive: true }).toBuffer()],
  ['JPEG', 'with a profile', await encode().withMetadata().jpeg().toBuffer()],
  ['JPEG', 'with a thumbnail', withThumbnail(await encode().jpeg().toBuffer())],
  ['PNG', 'plain', await encode().png().toBuffer()],
  ['PNG', 'interlaced', await encode().png({ progressive: true }).toBuffer()],
  ['PNG', 'of a palette', await encode().png({ palette: true }).toBuffer()],
  ['WebP', 'lossy', await encode().webp().toBuffer()],
  ['WebP', 'lossless', await encode().webp({ lossless: true }).toBuffer()],
  ['WebP', 'with alpha', await encode().ensureAlpha(0.5).webp().toBuffer()],
  ['BMP', 'of 24 bits', bmp(WIDTH, HEIGHT, 24, colours())],
  ['BMP', 'of 8 bits', bmp(WIDTH, HEIGHT, 8, colours())],
  ['BMP', 'of runs', bmpOfRuns(WIDTH, HEIGHT, 8, colours().slice(0, 256), runs())],
]

/** Fewer bytes than these do not say what they are of. */
const SIGNATURE_BYTES = 12
/** No more than these can be missing from a picture that is all there: PNG's last chunk, which is empty. */
const EMPTY_END_BYTES = 12

// All at once, since the messages of libvips get lost and mixed up then.
it('a picture that is cut off anywhere is said to be, whatever else is decoded', async () => {
  const cuts = PICTURES.flatMap(([format, kind, whole]) =>
    cutPoints(whole.length).map((length) => ({ format, kind, whole, length })),
  )
  await Promise.all(
    cuts.map(async ({ format, kind, whole, length }) => {
      const what = `${format} ${kind}, ${length} of ${whole.length} bytes`
      const reason = await reasonOf(`${format} ${kind} ${length}`, whole.subarray(0, length))
      if (reason === undefined) expect(whole.length - length, what).toBeLessThanOrEqual(EMPTY_END_BYTES)
      else if (reason === 'not an image, or of a format that cannot be read')
        expect(length, what).toBeLessThan(SIGNATURE_BYTES)
      else expect(reason, what).toBe(`cut off: the ${format} ends before its last row`)
    }),
  )
})

it('a picture that is whole but damaged is not said to be cut off', async () => {
  const png = PICTURES.find(([format]) => format === 'PNG')![2]
  const damaged = Buffer.from(png).fill(0x5a, png.length / 2, png.length / 2 + 40)
  expect(await reasonOf('damaged', damaged)).toBe('a PNG that is damaged or of a kind that cannot be read')
})

/** @returns undefined where it can be decoded */
async function reasonOf(name: string, bytes: Buffer): Promise<string | undefined> {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return decodeImage(path, { width: 112, height: 112 }).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ImageError) return error.reason
      throw error
    },
  )
}

/** Lengths that end in each part of a file: some of the header, of the picture and of the end. */
function cutPoints(length: number): number[] {
  const points = new Set<number>()
  for (let part = 1; part < 40; part++) {
    points.add(Math.floor((length * part) / 40))
    points.add(part * 3)
    points.add(length - part)
  }
  return [...points].filter((point) => point > 0 && point < length)
}

/** Puts a small copy of a JPEG into its header, as cameras do. */
function withThumbnail(jpeg: Buffer): Buffer {
  const segment = Buffer.from([0xff, 0xe1, 0, 0])
  segment.writeUInt16BE(2 + jpeg.length, 2)
  return Buffer.concat([jpeg.subarray(0, 2), segment, jpeg, jpeg.subarray(2)])
}

function colours(): number[][] {
  return Array.from({ length: WIDTH * HEIGHT }, (_, i) => [...picture.subarray(3 * i, 3 * i + 3)])
}

function runs(): number[] {
  return bmpRuns(seededRandom(8), WIDTH, HEIGHT, 8, true).runs
}
