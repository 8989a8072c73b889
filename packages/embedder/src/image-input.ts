import { checkPositiveInteger, OptionError } from '@facekit/core'
import type { Model, TensorInfo } from '@facekit/onnx'
import { EmbedderError } from './errors.js'

/** Where a model takes its images. */
export interface ImageInput {
  name: string
  layout: 'NCHW' | 'NHWC'
  elementType: 'float32' | 'float16' | 'uint8'
  width: number
  height: number
  /** Whether the model takes other sizes, too. */
  freeSize: boolean
  /** Images per run where the model fixes that number. */
  fixedBatch: number | undefined
}

/** Size of the images that a model takes. */
export interface ImageSize {
  width: number
  height: number
}

/** Of an aligned face crop, for models that leave it free. */
const USUAL_SIZE = 112

/**
 * Pixels that a model may want in one forward pass, as uint8: thousands of face crops, and several times as much as
 * float32. What asks for more is no face model, or a size that was meant for something else.
 */
const MAX_INPUT_BYTES = 2 ** 27

/**
 * Finds the image input of a model: the only input, of four axes, three of its entries being the channels.
 *
 * @param size for a model that leaves it free
 * @throws EmbedderError `MODEL_INPUT`, listing the inputs that there are
 * @throws OptionError where the model takes another size
 */
export function findImageInput(model: Model, file: string, size: ImageSize | undefined): ImageInput {
  const [input, ...others] = model.inputs
  const layout = input && layoutOf(input.shape)
  const elementType = input?.elementType
  if (
    !input ||
    others.length > 0 ||
    !layout ||
    (elementType !== 'float32' && elementType !== 'float16' && elementType !== 'uint8')
  ) {
    throw new EmbedderError(
      'MODEL_INPUT',
      `Expected one image input in ${file}, N×3×H×W or N×H×W×3 of float32, float16 or uint8, but got ${listInputs(model.inputs)}`,
    )
  }
  const [batch, first, second, third] = input.shape
  const [height, width] = layout === 'NCHW' ? [second, third] : [first, second]
  if (size) for (const side of ['width', 'height'] as const) checkPositiveInteger(side, size[side])
  const found: ImageInput = {
    name: input.name,
    layout,
    elementType,
    width: sizeOr(width, size?.width ?? USUAL_SIZE),
    height: sizeOr(height, size?.height ?? USUAL_SIZE),
    freeSize: typeof width !== 'number' || typeof height !== 'number',
    fixedBatch: typeof batch === 'number' ? batch : undefined,
  }
  checkSize(found, file, size)
  return found
}

function checkSize({ width, height, fixedBatch = 1 }: ImageInput, file: string, size?: ImageSize): void {
  if (size && (size.width !== width || size.height !== height)) {
    throw new OptionError(
      `Expected images of ${width}×${height} pixels for ${file}, which takes no others, but received the size ${size.width}×${size.height}`,
    )
  }
  if (fixedBatch * width * height * 3 > MAX_INPUT_BYTES) {
    throw new EmbedderError(
      'MODEL_INPUT',
      `Expected at most ${MAX_INPUT_BYTES / 2 ** 20} MiB of pixels in a forward pass but ${file} would be fed ${fixedBatch} × ${width}×${height}. Export it with a free batch, or a smaller one.`,
    )
  }
}

function layoutOf(shape: TensorInfo['shape']): ImageInput['layout'] | undefined {
  if (shape.length !== 4) return undefined
  if (shape[1] === 3) return 'NCHW'
  if (shape[3] === 3) return 'NHWC'
  // Every axis free: the layout that PyTorch exports.
  return typeof shape[1] === 'string' ? 'NCHW' : undefined
}

function sizeOr(size: number | string | undefined, fallback: number): number {
  return typeof size === 'number' ? size : fallback
}

function listInputs(inputs: readonly TensorInfo[]): string {
  if (inputs.length === 0) return 'no input at all'
  return inputs
    .map((input) => `${input.name} (${input.elementType ?? 'another type'} ${input.shape.join('×')})`)
    .join(', ')
}
