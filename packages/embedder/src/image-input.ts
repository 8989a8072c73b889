import type { Model, TensorInfo } from '@facekit/onnx'
import { EmbedderError } from './errors.js'

/** Where a model takes its images. */
export interface ImageInput {
  name: string
  layout: 'NCHW' | 'NHWC'
  elementType: 'float32' | 'float16' | 'uint8'
  width: number
  height: number
  /** Images per run where the model fixes that number. */
  fixedBatch: number | undefined
}

/** Size of an aligned face crop, for models that leave it free. */
const FREE_SIZE = 112

/**
 * Finds the image input of a model: the only input, of four axes, three of its entries being the channels.
 *
 * @throws EmbedderError `MODEL_INPUT`, listing the inputs that there are
 */
export function findImageInput(model: Model, file: string): ImageInput {
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
  return {
    name: input.name,
    layout,
    elementType,
    width: sizeOr(width, FREE_SIZE),
    height: sizeOr(height, FREE_SIZE),
    fixedBatch: typeof batch === 'number' ? batch : undefined,
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
