// Images per second of imageList + preprocess, beside sharp alone on the same files. `npm run bench`
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { compare, seededRandom } from '@facekit/testing'
import { imageList, preprocess } from '@facekit/preprocess'
import sharp from 'sharp'

const IMAGES = 400
const workers = availableParallelism()
const folder = await mkdtemp(join(tmpdir(), 'facekit-bench-'))

/**
 * Smooth colours with some noise: about as many bytes as a photograph.
 *
 * @param {number} side
 * @param {number} seed
 */
function picture(side, seed) {
  const random = seededRandom(seed)
  const pixels = Buffer.alloc(side * side * 3)
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = 128 + 90 * Math.sin(i / (40 + (seed % 7))) + 24 * (random() - 0.5)
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
}

/** @param {AsyncIterable<{ pixels: Uint8Array }>} stream */
async function drain(stream) {
  let bytes = 0
  for await (const { pixels } of stream) bytes += pixels.length
  return bytes
}

/** @param {readonly string[]} files */
async function sharpAlone(files) {
  const waiting = files.values()
  let bytes = 0
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const file of waiting)
        bytes += (await sharp(file).resize(112, 112, { fit: 'fill' }).raw().toBuffer()).length
    }),
  )
  return bytes
}

try {
  for (const { side, format } of /** @type {const} */ ([
    { side: 112, format: 'jpeg' },
    { side: 112, format: 'png' },
    { side: 250, format: 'jpeg' },
  ])) {
    const album = join(folder, `${format}-${side}`)
    await mkdir(album)
    for (let i = 0; i < IMAGES; i++)
      await picture(side, i)
        .toFormat(format)
        .toFile(join(album, `${i}.${format}`))
    const files = (await readdir(album)).map((name) => join(album, name))
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
    const per = { images: IMAGES, MB: sizes.reduce((a, b) => a + b, 0) / 1e6 }
    const ours = () =>
      drain(imageList(album, { batchSize: 32 }).pipe(preprocess({ width: 112, height: 112, workers })))
    await compare(`${IMAGES} images, ${format} ${side}×${side}, ${workers} at once`, [
      { name: 'sharp alone', run: () => sharpAlone(files), per },
      { name: 'imageList + preprocess', run: ours, per },
    ])
  }
} finally {
  await rm(folder, { recursive: true })
}
