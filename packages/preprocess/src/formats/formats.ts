import { BMP } from './bmp.js'
import type { PictureFormat } from './format.js'
import { JPEG } from './jpeg.js'
import { PNG } from './png.js'
import { WEBP } from './webp.js'

const FORMATS: readonly PictureFormat[] = [JPEG, PNG, WEBP, BMP]

/** What the first bytes of a file say that it is, whatever it is called; undefined for what is not read. */
export function formatOf(bytes: Buffer): PictureFormat | undefined {
  return FORMATS.find(({ isIn }) => isIn(bytes))
}
