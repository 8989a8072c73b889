import sharp from 'sharp'
import { decodeImage, type DecodeOptions } from './decode-image.js'

/** At which drawn and photographed faces of 96 pixels show no blocks: 2 to 3 kB. */
const QUALITY = 72

/**
 * A small picture for a page: decoded as `decodeImage` does.
 *
 * @returns WebP
 * @throws ImageError
 */
export async function thumbnail(path: string, options: DecodeOptions): Promise<Buffer> {
  const { width, height } = options
  const pixels = await decodeImage(path, options)
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .webp({ quality: QUALITY })
    .toBuffer()
}
