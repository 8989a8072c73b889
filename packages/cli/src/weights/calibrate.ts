import { OptionError } from '@facekit/core'
import { openEmbedder } from '@facekit/embedder'
import { calibrationModel, type ActivationRanges, type Network } from '@facekit/iresnet'
import { cosines, embedPictures } from './compare.js'
import { firstPictures, type PictureSource } from './first-pictures.js'

/** Ranges settle after some tens of pictures; the comparison wants enough to find a bad one. */
const CALIBRATION_PICTURES = 192
const HELD_OUT_PICTURES = 64

/** Every fourth picture is held out, so that both parts are of the same kind. */
const HELD_OUT_EVERY = 4

/** Pictures to calibrate with, and others to see how well that went. */
export interface CalibrationPictures {
  calibration: Uint8Array[]
  heldOut: Uint8Array[]
}

/** @throws OptionError where there are too few */
export async function calibrationPictures(
  source: PictureSource | undefined,
  size: { width: number; height: number },
  signal: AbortSignal | undefined,
): Promise<CalibrationPictures> {
  if (source === undefined || source.input === '-') {
    throw new OptionError(
      'Expected --calibration with a folder or list of images: int8 is calibrated on them',
    )
  }
  const pictures = await firstPictures(source, CALIBRATION_PICTURES + HELD_OUT_PICTURES, size, signal)
  const isHeldOut = (_: unknown, i: number) => i % HELD_OUT_EVERY === HELD_OUT_EVERY - 1
  const heldOut = pictures.filter(isHeldOut)
  if (heldOut.length === 0) {
    throw new OptionError(
      `Expected at least ${HELD_OUT_EVERY} images to calibrate int8 with but ${source.input} has ${pictures.length} that can be read`,
    )
  }
  return { calibration: pictures.filter((picture, i) => !isHeldOut(picture, i)), heldOut }
}

export async function measureRanges(
  network: Network,
  pictures: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<ActivationRanges> {
  const { model, rangesOf } = calibrationModel(network)
  return rangesOf(await embedAll(model, pictures, signal))
}

/** How much the embeddings of two models agree: mean and lowest cosine over the pictures. */
export async function compareModels(
  a: Uint8Array,
  b: Uint8Array,
  pictures: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<{ mean: number; worst: number }> {
  const [ofA, ofB] = [await embedAll(a, pictures, signal), await embedAll(b, pictures, signal)]
  const each = cosines(ofA, ofB, ofA.length / pictures.length)
  return { mean: each.reduce((sum, value) => sum + value, 0) / each.length, worst: Math.min(...each) }
}

/** What a model gives for pictures: pictures × dim float32. */
export async function embedAll(
  bytes: Uint8Array,
  pictures: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const embedder = await openEmbedder({ model: { bytes, name: 'the calibration' } })
  return embedPictures(embedder, pictures, signal).finally(async () => embedder.close())
}
