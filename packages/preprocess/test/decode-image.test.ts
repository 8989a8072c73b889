import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { decodeImage } from '../src/index.js'
import { pngChunk } from './huge-pictures.js'
import { pilBilinear, readFloats, testPicture } from './pictures.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-decode-'))
afterAll(() => rmSync(folder, { recursive: true }))

const FIXTURES = fileURLToPath(new URL('../../../../shared/fixtures/images/', import.meta.url))
const SIZE = { width: 112, height: 112 }

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** Colour at (x, y). */
function at(pixels: Uint8Array, x: number, y: number, width = 112): number[] {
  return [...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]
}

function expectColour(actual: number[], expected: number[], tolerance = 3): void {
  actual.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `${actual} for ${expected}`).toBeLessThanOrEqual(tolerance),
  )
}

describe.skipIf(!existsSync(FIXTURES))('against torchvision’s tensors', () => {
  const names = existsSync(FIXTURES)
    ? readFileSync(join(FIXTURES, 'expected.txt'), 'utf8').trim().split('\n')
    : []

  it.each(names.map((name, i) => [name, i] as const))('decodes %s alike', async (name, i) => {
    const expected = readFloats(join(FIXTURES, 'expected.npy')).subarray(i * 3 * 112 * 112)
    const pixels = await decodeImage(join(FIXTURES, name), SIZE)
    let sum = 0
    let worst = 0
    for (let p = 0; p < 112 * 112; p++) {
      for (let c = 0; c < 3; c++) {
        const difference = Math.abs(pixels[3 * p + c]! / 255 - (expected[c * 112 * 112 + p]! * 0.5 + 0.5))
        sum += difference
        worst = Math.max(worst, difference)
      }
    }
    expect(sum / (3 * 112 * 112)).toBeLessThanOrEqual(0.5 / 255)
    expect(worst).toBeLessThanOrEqual(8 / 255)
  })

  it.each(existsSync(FIXTURES) ? readdirSync(join(FIXTURES, 'bad')) : [])('refuses bad/%s', async (name) => {
    await expect(decodeImage(join(FIXTURES, 'bad', name), SIZE)).rejects.toMatchObject({ code: 'IMAGE' })
  })
})

describe('resizing', () => {
  it.each([
    [30, 40],
    [112, 50],
    [7, 112],
    [1, 1],
    [60, 111],
  ])('enlarges %i×%i as a triangle filter does', async (width, height) => {
    const picture = testPicture(width, height)
    const path = write(
      `small-${width}x${height}.png`,
      await sharp(picture, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
    )
    const pixels = await decodeImage(path, SIZE)
    const expected = pilBilinear(picture, width, height, 112, 112)
    pixels.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1))
  })

  it.each([
    [500, 400],
    [113, 300],
    [640, 30],
    [40, 900],
  ])('shrinks, or shrinks one axis and enlarges the other, from %i×%i', async (width, height) => {
    const picture = testPicture(width, height)
    const path = write(
      `large-${width}x${height}.png`,
      await sharp(picture, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
    )
    const pixels = await decodeImage(path, { width: 96, height: 112 })
    const expected = pilBilinear(picture, width, height, 96, 112)
    // libvips shrinks by a box first and a triangle then: on edges as hard as these it is off by a level.
    const differences = pixels.map((value, i) => Math.abs(value - expected[i]!))
    expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThanOrEqual(1)
    expect(Math.max(...differences)).toBeLessThanOrEqual(8)
  })
})

describe('what a person sees', () => {
  const red = { r: 200, g: 30, b: 20 }
  const solid = (options: object = {}) =>
    sharp({ create: { width: 112, height: 112, channels: 3, background: red, ...options } })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is oriented by EXIF, orientation %i', async (orientation) => {
    // The mark is in the top left corner of the picture as seen; the file holds it transformed.
    const seen = Buffer.alloc(112 * 112 * 3, 60)
    for (let y = 0; y < 40; y++)
      for (let x = 0; x < 20; x++) seen.fill(240, (y * 112 + x) * 3, (y * 112 + x) * 3 + 3)
    let stored = sharp(seen, { raw: { width: 112, height: 112, channels: 3 } })
    if (orientation === 2) stored = stored.flop()
    if (orientation === 3) stored = stored.rotate(180)
    if (orientation === 4) stored = stored.flip()
    if (orientation === 6) stored = stored.rotate(270)
    if (orientation === 8) stored = stored.rotate(90)
    if (orientation === 5) stored = sharp(await stored.rotate(90).png().toBuffer()).flop()
    if (orientation === 7) stored = sharp(await stored.rotate(270).png().toBuffer()).flop()
    const path = write(
      `exif-${orientation}.jpg`,
      await stored.withMetadata({ orientation }).jpeg({ quality: 100 }).toBuffer(),
    )
    const pixels = await decodeImage(path, SIZE)
    expectColour(at(pixels, 5, 30), [240, 240, 240], 6)
    expectColour(at(pixels, 30, 5), [60, 60, 60], 6)
  })

  it('is grey for a grey picture and coloured for a palette', async () => {
    const grey = write('grey.png', await solid().greyscale().png().toBuffer())
    const [r, g, b] = at(await decodeImage(grey, SIZE), 50, 50)
    expect(r).toBe(g)
    expect(g).toBe(b)
    const palette = write('palette.png', await solid().png({ palette: true }).toBuffer())
    expectColour(at(await decodeImage(palette, SIZE), 50, 50), [200, 30, 20])
  })

  it('has white behind what is transparent', async () => {
    const path = write(
      'alpha.png',
      await solid({ channels: 4, background: { ...red, alpha: 0.5 } })
        .png()
        .toBuffer(),
    )
    expectColour(at(await decodeImage(path, SIZE), 50, 50), [228, 143, 138])
  })

  it('has the colours that its profile gives it', async () => {
    const path = write('p3.png', await solid().withIccProfile('p3').png().toBuffer())
    const { data } = await sharp(path, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true })
    expect(data[1]! - 30).toBeGreaterThan(15)
    expectColour(at(await decodeImage(path, SIZE), 50, 50), [200, 30, 20])
  })

  it('is turned by what a PNG says before its pixels, and not by what comes after them', async () => {
    const half = { create: { width: 112, height: 56, channels: 3, background: 'black' } } as const
    const png = await solid()
      .composite([{ input: await sharp(half).png().toBuffer(), top: 0, left: 0 }])
      .png()
      .toBuffer()
    // Orientation 3: half a turn.
    const note = pngChunk('eXIf', Buffer.from('4d4d002a00000008000101120003000000010003000000000000', 'hex'))
    const withNote = (end: number) => Buffer.concat([png.subarray(0, end), note, png.subarray(end)])
    const before = await decodeImage(write('before.png', withNote(png.indexOf('IDAT') - 4)), SIZE)
    const after = await decodeImage(write('after.png', withNote(png.indexOf('IEND') - 4)), SIZE)
    expectColour(at(before, 50, 10), [200, 30, 20])
    expectColour(at(before, 50, 100), [0, 0, 0])
    expectColour(at(after, 50, 10), [0, 0, 0])
    expectColour(at(after, 50, 100), [200, 30, 20])
  })

  it('is the same in CMYK', async () => {
    const path = write('cmyk.jpg', await solid().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer())
    expect((await sharp(path).metadata()).space).toBe('cmyk')
    expectColour(at(await decodeImage(path, SIZE), 50, 50), [200, 30, 20], 25)
  })

  it('is scaled, not clipped, from 16 bits', async () => {
    const path = write('16.png', await solid().toColourspace('rgb16').png().toBuffer())
    expect((await sharp(path).metadata()).depth).toBe('ushort')
    expectColour(at(await decodeImage(path, SIZE), 50, 50), [200, 30, 20])
  })

  it('is the first frame of an animation', async () => {
    const frames = await Promise.all(
      [red, { r: 0, g: 0, b: 250 }].map((background) => solid({ background }).png().toBuffer()),
    )
    const path = write(
      'animated.webp',
      await sharp(frames, { join: { animated: true } })
        .webp({ lossless: true })
        .toBuffer(),
    )
    expect((await sharp(path).metadata()).pages).toBe(2)
    expectColour(at(await decodeImage(path, SIZE), 50, 50), [200, 30, 20])
  })
})

describe('files that are no pictures', () => {
  it('are refused with a short reason', async () => {
    const reasonOf = async (path: string) =>
      decodeImage(path, SIZE).then(
        () => 'none',
        (error: { reason: string }) => error.reason,
      )
    mkdirSync(join(folder, 'directory.jpg'))
    expect(await reasonOf(join(folder, 'missing.jpg'))).toBe('no such file')
    expect(await reasonOf(join(folder, 'directory.jpg'))).toBe('a directory')
    expect(await reasonOf('/dev/zero')).toBe('not a regular file')
    expect(await reasonOf(write('empty.jpg', Buffer.alloc(0)))).toBe('an empty file')
    expect(await reasonOf(write('text.jpg', Buffer.from('hello')))).toMatch(/^not an image/)
  })

  it('include pictures of too many pixels', async () => {
    const path = write(
      'wide.png',
      await sharp({ create: { width: 300, height: 200, channels: 3, background: 'blue' } })
        .png()
        .toBuffer(),
    )
    await expect(decodeImage(path, { ...SIZE, maxPixels: 59_999 })).rejects.toThrow(/more than 59999 pixels/)
    await expect(decodeImage(path, { ...SIZE, maxPixels: 60_000 })).resolves.toHaveLength(112 * 112 * 3)
  })
})
