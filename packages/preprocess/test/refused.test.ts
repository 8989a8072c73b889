import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { whyUnreadable } from '../src/image-file.js'
import { decodeImage, ImageError, type DecodeOptions } from '../src/index.js'
import { blankPng, blankProgressiveJpeg, blankWebp } from './huge-pictures.js'
import { bmp } from './pictures.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-refused-'))
afterAll(() => rmSync(folder, { recursive: true }))

const INPUTS = fileURLToPath(new URL('../../../../shared/fixtures/inputs/', import.meta.url))
const PLAIN = { bits: 8, samples: 3, interlaced: false } as const

function write(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** @returns undefined where it can be decoded */
async function reasonOf(path: string, options: Partial<DecodeOptions> = {}): Promise<string | undefined> {
  return decodeImage(path, { width: 112, height: 112, ...options }).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ImageError) return error.reason
      throw error
    },
  )
}

const red = sharp({ create: { width: 20, height: 10, channels: 3, background: '#c81e14' } })
const [gif, tiff, avif] = await Promise.all([
  red.clone().gif().toBuffer(),
  red.clone().tiff().toBuffer(),
  red.clone().avif().toBuffer(),
])
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="9" height="9"/></svg>'

describe('formats that are not read are named, whatever the name of the file', () => {
  it.each<[string, string | Uint8Array]>([
    ['a GIF', gif],
    ['a TIFF', tiff],
    ['an AVIF', avif],
    ['a HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['an SVG', SVG],
    ['an SVG', `\ufeff<?xml version="1.0"?>\n<!-- drawn -->\n${SVG}`],
    ['a PDF', '%PDF-1.7\n'],
  ])('%s', async (name, bytes) => {
    const expected = `${name}, which is not read: JPEG, PNG, WebP and BMP are`
    expect(await reasonOf(write('named.jpg', bytes))).toBe(expected)
  })

  it.skipIf(!existsSync(INPUTS)).each([
    ['svg_named.png', 'an SVG'],
    ['svg_slow_use.jpg', 'an SVG'],
    ['heic_named.jpg', 'a HEIC'],
  ])('%s', async (file, name) => {
    expect(await reasonOf(join(INPUTS, file))).toMatch(new RegExp(`^${name}, which is not read`))
  })
})

describe('what is no picture is said to be what it is', () => {
  it.each<[string, string | Uint8Array, string]>([
    [
      'a pointer of Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n',
      'a Git LFS pointer, not the picture itself: git lfs pull brings it',
    ],
    [
      'a web page',
      `\n<!DOCTYPE html><html><body>${SVG}</body></html>`,
      'a web page, not a picture: the download went wrong',
    ],
    [
      'zeros',
      Buffer.alloc(5000),
      'nothing but zeros where a picture should begin: the file lost its content',
    ],
    ['an icon', '\0\0\x01\0\x01\0', 'an icon, which is not read: JPEG, PNG, WebP and BMP are'],
    ['a text', 'hello', 'not an image, or of a format that cannot be read'],
  ])('%s', async (_what, bytes, reason) => {
    expect(await reasonOf(write('named.jpg', bytes))).toBe(reason)
  })

  it('a socket, and a name that no file can have', async () => {
    const server = createServer().listen(join(folder, 'socket.jpg'))
    await once(server, 'listening')
    expect(await reasonOf(join(folder, 'socket.jpg'))).toBe('not a regular file')
    server.close()
    expect(await reasonOf(join(folder, 'a\0b.jpg'))).toBe('no such file: the name holds a NUL')
  })

  it.each([
    ['EIO', -5, 'the disk or the network gives an error (EIO)'],
    ['EMFILE', -24, 'cannot be read (EMFILE)'],
    // What Node says of a stale network handle.
    ['Unknown system error -116', -116, 'cannot be read (system error 116)'],
  ])('what the system says of a file: %s', (code, errno, reason) => {
    const error = Object.assign(new Error(`${code}: ${code}, open 'a.jpg'`), { code, errno })
    expect(whyUnreadable(error)).toBe(reason)
  })
})

describe('sizes', () => {
  it('of nothing are said', async () => {
    const png = blankPng(9, 2, PLAIN)
    png.writeUInt32BE(0, 16)
    const jpeg = blankProgressiveJpeg(30, 20, 1)
    jpeg.writeUInt16BE(0, jpeg.indexOf(Buffer.from([0xff, 0xc2])) + 5)
    const webp = await red.clone().webp().toBuffer()
    webp.writeUInt16LE(0, 26)
    const noBmp = bmp(5, 3, 24, [])
    noBmp.writeInt32LE(0, 18)
    const reasons = await Promise.all(
      [png, jpeg, webp, noBmp].map((bytes, i) => reasonOf(write(`none-${i}`, bytes))),
    )
    expect(reasons).toEqual(
      ['0×2', '30×0', '0×10', '0×3'].map((size) => `${size} pixels: there is no picture in it`),
    )
  })

  it.skipIf(!existsSync(INPUTS))('of nothing are said: png_zero_width.png', async () => {
    expect(await reasonOf(join(INPUTS, 'png_zero_width.png'))).toBe('0×10 pixels: there is no picture in it')
  })

  it('of a side have a limit, whatever the pixels', async () => {
    const tall = write('tall.png', blankPng(2, 65_536, PLAIN))
    expect(await reasonOf(tall)).toBe('2×65536 pixels, of at most 65535 a side')
    expect(await reasonOf(write('side.png', blankPng(2, 65_535, PLAIN)))).toBeUndefined()
    const wide = blankPng(9, 2, PLAIN)
    wide.writeUInt32BE(49_000_000, 16)
    expect(await reasonOf(write('wide.png', wide))).toBe('49000000×2 pixels, of at most 65535 a side')
  })

  it('of a file go with the pixels that there may be', async () => {
    const path = write('film.jpg', await red.clone().jpeg().toBuffer())
    truncateSync(path, 3 * 2 ** 30)
    expect(await reasonOf(path)).toBe('larger than 816777216 bytes, which no image of 100000000 pixels is')
    truncateSync(path, 2 ** 25)
    expect(await reasonOf(path)).toBeUndefined()
    expect(await reasonOf(path, { maxPixels: 1000 })).toMatch(/^larger than 16785216 bytes/)
  })

  it.each([
    ['JPEG', blankProgressiveJpeg(300, 200, 1)],
    ['PNG', blankPng(300, 200, PLAIN)],
    ['WebP', blankWebp(300, 200)],
  ])('of a %s in pixels have a limit', async (_format, bytes) => {
    const path = write('pixels', bytes)
    expect(await reasonOf(path, { maxPixels: 59_999 })).toBe('more than 59999 pixels')
    expect(await reasonOf(path, { maxPixels: 60_000 })).toBeUndefined()
  })

  it('in memory have one, where it is asked for', async () => {
    const path = write('large.webp', blankWebp(2000, 2000))
    expect(await reasonOf(path, { maxDecodeBytes: 2 ** 25 })).toMatch(
      /^takes \d+ bytes to decode, of at most 33554432$/,
    )
    expect(await reasonOf(path, { maxDecodeBytes: 2 ** 26 })).toBeUndefined()
    // Its header is not among its first bytes, and all of it is not read to find it.
    const long = write('long.jpg', Buffer.from([0xff, 0xd8, 0xff, 0xef, 0xff, 0xff]))
    truncateSync(long, 2 ** 27)
    expect(await reasonOf(long, { maxDecodeBytes: 2 ** 26 })).toMatch(/^takes 134217728 bytes/)
  })
})

it('a JPEG of scans without end is refused', async () => {
  const path = (scans: number) => write(`${scans}.jpg`, blankProgressiveJpeg(300, 200, scans))
  expect(await reasonOf(path(101))).toBe('a JPEG of more than 100 scans')
  expect(await reasonOf(path(100))).toBeUndefined()
})

it('a picture after long notes is read', async () => {
  const jpeg = await red.clone().jpeg().toBuffer()
  const note = Buffer.alloc(65_535 + 2, 'n')
  note.writeUInt32BE(0xffefffff, 0)
  const noted = Buffer.concat([jpeg.subarray(0, 2), note, note, note, jpeg.subarray(2)])
  const pixels = await decodeImage(write('noted.jpg', noted), { width: 20, height: 10 })
  expect(pixels).toEqual(await decodeImage(write('plain.jpg', jpeg), { width: 20, height: 10 }))
})
