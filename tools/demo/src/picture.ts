import sharp from 'sharp'
import type { Conditions } from './conditions.js'
import { drawFace } from './face.js'
import { SIZE } from './head.js'
import type { Identity } from './identity.js'
import { createRandom, type Random } from './random.js'

const RAW = { width: SIZE, height: SIZE, channels: 3 } as const

/** Draws a picture and photographs it: blur, exposure, sensor noise, JPEG. */
export async function renderPicture(identity: Identity, conditions: Conditions): Promise<Buffer> {
  const drawing = sharp(Buffer.from(drawFace(identity, conditions))).flatten()
  const scene = conditions.blur > 0 ? drawing.blur(conditions.blur) : drawing
  const pixels = await scene.raw().toBuffer()
  expose(pixels, conditions)

  return sharp(pixels, { raw: RAW }).jpeg({ quality: conditions.quality }).toBuffer()
}

/**
 * What a near-duplicate looks like in the wild: the same picture, saved again after a trip through
 * somebody's phone. Brightness moves a little, the frame by about a pixel, the compression changes.
 */
export async function renderDuplicate(original: Buffer, random: Random): Promise<Buffer> {
  const reframed = sharp(original).linear(random.between(0.95, 1.05), random.between(-4, 4))
  const crop = random.integer(0, 2)

  if (crop > 0) {
    const left = random.integer(0, crop)
    const top = random.integer(0, crop)
    reframed.extract({ left, top, width: SIZE - crop, height: SIZE - crop }).resize(SIZE, SIZE)
  }

  return reframed.jpeg({ quality: random.integer(55, 92) }).toBuffer()
}

/** Light and sensor, in place on RGB bytes (which clamp and round by themselves). */
function expose(picture: Buffer, { light, noise }: Conditions): void {
  const pixels = new Uint8ClampedArray(picture.buffer, picture.byteOffset, picture.length)
  const random = createRandom(noise.seed)
  const [red, green, blue] = light.gains
  const { contrast } = light
  const base = 128 * (1 - contrast)

  for (let i = 0; i < pixels.length; i += 3) {
    const offset = base + random.between(-noise.amplitude, noise.amplitude)

    pixels[i] = (pixels[i] ?? 0) * red * contrast + offset
    pixels[i + 1] = (pixels[i + 1] ?? 0) * green * contrast + offset
    pixels[i + 2] = (pixels[i + 2] ?? 0) * blue * contrast + offset
  }
}
