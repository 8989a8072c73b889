import sharp, { type Sharp } from 'sharp'
import { decodeBmp, isBmp } from './bmp.js'
import { enlarge } from './enlarge.js'
import { ImageError } from './errors.js'
import { readImageFile } from './read-image-file.js'
import { whyUndecodable } from './why-undecodable.js'

/** 100 megapixels, 300 MB decoded: far above any face crop, far below what would exhaust a machine. */
export const DEFAULT_MAX_PIXELS = 100_000_000

export interface DecodeOptions {
  /** Size of the picture to make. */
  width: number
  height: number
  /** Images of more pixels fail. */
  maxPixels?: number
}

// Images are decoded many at once, each on one thread, and none of them twice.
sharp.concurrency(1)
sharp.cache(false)

/**
 * Decodes an image as a person sees it (oriented by EXIF, first frame, transparency over white, CMYK and 16 bits
 * converted) and resizes it to exactly width × height as PIL's bilinear filter does: with anti-aliasing, without
 * cropping or keeping the aspect ratio.
 *
 * @returns height × width × 3 uint8, RGB, row-major
 * @throws ImageError
 */
export async function decodeImage(path: string, options: DecodeOptions): Promise<Uint8Array> {
  const { width, height, maxPixels = DEFAULT_MAX_PIXELS } = options
  const bytes = await readImageFile(path)
  try {
    const { data, info } = await open(bytes, maxPixels)
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
    throw new ImageError(path, reasonOf(cause, bytes, maxPixels), { cause })
  }
}

function open(bytes: Buffer, maxPixels: number): Sharp {
  if (!isBmp(bytes)) return sharp(bytes, { failOn: 'truncated', limitInputPixels: maxPixels })
  const { data, width, height } = decodeBmp(bytes, maxPixels)
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: maxPixels })
}

function reasonOf(cause: unknown, bytes: Buffer, maxPixels: number): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // These two are sharp's own.
  if (message.includes('pixel limit')) return `more than ${maxPixels} pixels`
  if (message.includes('unsupported image format')) return 'not an image, or of a format that cannot be read'
  return isBmp(bytes) ? message : whyUndecodable(bytes)
}
