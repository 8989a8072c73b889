import type { PictureHeader } from './formats/format.js'

/** What a small picture takes: tables, profiles, what the allocator keeps. */
const BASE_BYTES = 2 ** 22

/** The file itself, and what libvips copies of it: profiles and notes. */
const FILE_COPIES = 2

/**
 * Rows of a picture that libvips holds while it shrinks them, measured: as many as three times those of a small picture
 * and never more than 2000.
 */
const rowsHeld = (height: number) => Math.min(3 * height, 2000)

/** The resized picture, as libvips makes it and as it is handed over. */
const RESULT_COPIES = 2
const RGB_BYTES = 3

/**
 * The most bytes that decoding a picture and resizing it to width × height takes. Measured by peaks of memory of a
 * process, for pictures of up to 98 megapixels: JPEG and PNG by rows, progressive and interlaced, of 1 to 4 samples and
 * of 8 and 16 bits; WebP, lossy and lossless, still and animated; BMP.
 */
export function decodeBytes(header: PictureHeader, fileBytes: number, width: number, height: number): number {
  const { pixelBytes, wholeBytes } = header
  const rowBytes = (header.width * pixelBytes) / shrinkOnLoad(header, width, height)
  const resultBytes = RESULT_COPIES * width * height * RGB_BYTES
  return Math.ceil(
    BASE_BYTES + FILE_COPIES * fileBytes + wholeBytes + rowsHeld(header.height) * rowBytes + resultBytes,
  )
}

/** By how much libjpeg shrinks each side at least: sharp leaves a factor of two to the filter. EXIF may swap the sides. */
function shrinkOnLoad(header: PictureHeader, width: number, height: number): number {
  if (!header.shrinksOnLoad) return 1
  const shrink = Math.min(header.width, header.height) / Math.max(width, height)
  return [8, 4, 2].find((factor) => shrink >= 2 * factor) ?? 1
}
