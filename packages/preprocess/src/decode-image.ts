import sharp, { type Sharp } from 'sharp'
import { decodeBytes } from './decode-memory.js'
import { enlarge } from './enlarge.js'
import { ImageError } from './errors.js'
import { whyNotRead } from './formats/foreign-formats.js'
import type { PictureFormat, PictureHeader, RawImage } from './formats/format.js'
import { formatOf } from './formats/formats.js'
import { ImageFile } from './image-file.js'
import { Limiter } from './limiter.js'

/** 100 megapixels, 300 MB decoded: far above any face crop, far below what would exhaust a machine. */
export const DEFAULT_MAX_PIXELS = 100_000_000

/** What JPEG can hold. Decoders keep many rows, so that one of millions of pixels takes gigabytes. */
const MAX_SIDE = 65_535

/** Pixels of four samples of 16 bits are the longest, and this is left for profiles and notes. */
const MAX_PIXEL_BYTES = 8
const MAX_EXTRA_BYTES = 2 ** 24
/** Node reads no more at once. */
const MAX_FILE_BYTES = 2 ** 31 - 1

/** All of a face crop, and of other files the header, unless a large profile comes first. */
const HEAD_BYTES = 2 ** 16

/** What a picture is made into. */
export interface DecodeOptions {
  /** Size of the picture to make. */
  width: number
  height: number
  /** Images of more pixels fail. */
  maxPixels?: number
  /** Images that take more memory to decode fail; by default only `maxPixels` bounds it. */
  maxDecodeBytes?: number
}

// Images are decoded many at once, each on one thread, and none of them twice.
sharp.concurrency(1)
sharp.cache(false)

/**
 * Decodes an image as a person sees it (oriented by EXIF, first frame, transparency over white, CMYK and 16 bits
 * converted) and resizes it to exactly width × height as PIL's bilinear filter does: with anti-aliasing, without
 * cropping or keeping the aspect ratio. JPEG, PNG, WebP and BMP are read, by their first bytes, whatever the name.
 *
 * @returns height × width × 3 uint8, RGB, row-major
 * @throws ImageError
 */
export async function decodeImage(path: string, options: DecodeOptions): Promise<Uint8Array> {
  return decodeWithin(new Limiter(Infinity), path, options)
}

/**
 * `decodeImage`, which waits until `memory` has room for all that it will hold.
 *
 * @param signal what waits when it aborts is not begun
 */
export async function decodeWithin(
  memory: Limiter,
  path: string,
  options: DecodeOptions,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { width, height, maxPixels = DEFAULT_MAX_PIXELS, maxDecodeBytes = Infinity } = options
  const file = await ImageFile.open(path)
  try {
    const maxFileBytes = Math.min(MAX_FILE_BYTES, MAX_PIXEL_BYTES * maxPixels + MAX_EXTRA_BYTES)
    if (file.bytes > maxFileBytes)
      throw new ImageError(
        path,
        `larger than ${maxFileBytes} bytes, which no image of ${maxPixels} pixels is`,
      )
    const head = await file.readFirst(Math.min(file.bytes, HEAD_BYTES))
    const isAll = head.length === file.bytes
    const format = formatOf(head)
    if (!format) throw new ImageError(path, whyNotRead(head))

    const readAll = async () => {
      signal?.throwIfAborted()
      return isAll ? head : file.readFirst(file.bytes)
    }
    checkMemory(path, file.bytes, maxDecodeBytes)
    // The whole of a file is not kept while there is no room to decode it.
    const header =
      format.readHeader(head) ??
      (await memory.run(file.bytes, async () => headerOf(path, format, await readAll())))
    checkSize(path, header, maxPixels)
    const bytes = decodeBytes(header, file.bytes, width, height)
    checkMemory(path, bytes, maxDecodeBytes)
    return await memory.run(bytes, async () => decode(path, format, await readAll(), options))
  } finally {
    await file.close()
  }
}

function headerOf(path: string, format: PictureFormat, bytes: Buffer): PictureHeader {
  const header = format.readHeader(bytes)
  if (!header) throw new ImageError(path, whyUndecodable(format, bytes))
  return header
}

function checkSize(path: string, { width, height }: PictureHeader, maxPixels: number): void {
  if (width === 0 || height === 0)
    throw new ImageError(path, `${width}×${height} pixels: there is no picture in it`)
  if (width * height > maxPixels) throw new ImageError(path, `more than ${maxPixels} pixels`)
  if (Math.max(width, height) > MAX_SIDE)
    throw new ImageError(path, `${width}×${height} pixels, of at most ${MAX_SIDE} a side`)
}

function checkMemory(path: string, bytes: number, maxDecodeBytes: number): void {
  if (bytes > maxDecodeBytes)
    throw new ImageError(path, `takes ${bytes} bytes to decode, of at most ${maxDecodeBytes}`)
}

async function decode(
  path: string,
  format: PictureFormat,
  bytes: Buffer,
  { width, height, maxPixels = DEFAULT_MAX_PIXELS }: DecodeOptions,
): Promise<Uint8Array> {
  const input = inputOf(path, format, bytes)
  try {
    const { data, info } = await open(input, maxPixels)
      .autoOrient()
      .flatten({ background: '#fff' })
      // libvips enlarges by another filter than PIL: axes that grow are left to `enlarge`.
      .resize(width, height, {
        fit: 'fill',
        kernel: 'linear',
        fastShrinkOnLoad: false,
        withoutEnlargement: true,
      })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    return enlarge(data, info.width, info.height, width, height)
  } catch (cause) {
    throw new ImageError(path, whyUndecodable(format, bytes), { cause })
  }
}

function inputOf(path: string, format: PictureFormat, bytes: Buffer): Buffer | RawImage {
  try {
    return format.toInput(bytes)
  } catch (cause) {
    throw new ImageError(path, (cause as Error).message, { cause })
  }
}

function open(input: Buffer | RawImage, maxPixels: number): Sharp {
  if (Buffer.isBuffer(input)) return sharp(input, { failOn: 'truncated', limitInputPixels: maxPixels })
  const { data, width, height } = input
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: maxPixels })
}

/**
 * Why a picture could not be decoded, in a short phrase for people, read off its bytes. libvips' own words are no help:
 * all its threads share one buffer of messages, so that they may be missing, or about another picture.
 */
function whyUndecodable({ name, isWhole }: PictureFormat, bytes: Buffer): string {
  return isWhole(bytes)
    ? `a ${name} that is damaged or of a kind that cannot be read`
    : `cut off: the ${name} ends before its last row`
}
