import type { Embedder } from '@facekit/embedder'
import type { Talk } from '../talk.js'
import { embedPictures, lowestCosine } from './compare.js'
import { firstPictures } from './first-pictures.js'

/** Enough to see whether numbers left the range of float16. */
const PICTURES = 8

/** Rounding alone leaves 0.9999 and more. */
const LOWEST_COSINE = 0.999

export interface HalfPrecisionOptions {
  /** The same model in fp16 and in fp32. */
  half: Uint8Array
  full: Uint8Array
  /** Where pictures to compare with come from; undefined where it can be read only once. */
  pictures: string | undefined
  /** On the devices. */
  open: (model: Uint8Array) => Promise<Embedder>
  /** On the CPU: of two WebGPU sessions in two threads one would spoil the other. */
  openOnCpu: (model: Uint8Array) => Promise<Embedder>
  talk: Talk
}

/** Opens a model in fp16 if the device runs that and it embeds the first pictures as fp32 does, else in fp32. */
export async function openHalfPrecision(options: HalfPrecisionOptions): Promise<Embedder> {
  const { half, full, open, talk } = options
  const embedder = await open(half).catch((error: Error) => {
    talk.warn(`Running in fp32: the device does not run fp16 (${error.message.split('\n')[0]})`)
  })
  if (!embedder) return open(full)
  const lowest = await compareWithFull(options, embedder)
  if (lowest === undefined || lowest >= LOWEST_COSINE) {
    talk.info(
      `Running in fp16${lowest === undefined ? '' : `: cosine to fp32 on the first images at least ${lowest.toFixed(5)}`}`,
    )
    return embedder
  }
  await embedder.close()
  talk.warn(
    `Running in fp32: fp16 gives other embeddings, with a cosine of ${lowest.toFixed(3)} on the first images`,
  )
  return open(full)
}

async function compareWithFull(
  { full, pictures, openOnCpu }: HalfPrecisionOptions,
  half: Embedder,
): Promise<number | undefined> {
  if (pictures === undefined) return undefined
  const first = await firstPictures(pictures, PICTURES, half)
  if (first.length === 0) return undefined
  const reference = await openOnCpu(full)
  try {
    return lowestCosine(await embedPictures(half, first), await embedPictures(reference, first), half.dim)
  } finally {
    await reference.close()
  }
}
