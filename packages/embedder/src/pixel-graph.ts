import { OptionError } from '@facekit/core'
import { ELEMENT_TYPES, GraphBuilder, type Graph } from '@facekit/onnx'
import type { ImageInput } from './image-input.js'

/** What a model expects of its pixels. */
export interface PixelFormat {
  /** Subtracted from each channel, in 0–255 units; one number or one per channel in the order of `channels`. */
  mean?: number | readonly number[] | undefined
  /** Each channel is divided by it, in 0–255 units. */
  std?: number | readonly number[] | undefined
  channels?: 'rgb' | 'bgr' | undefined
}

/** The contract's preprocessing: to [0, 1], minus 0.5, over 0.5. */
const DEFAULT_MEAN = 127.5
const DEFAULT_STD = 127.5

const PIXELS = 'facekit_pixels'

/**
 * The nodes that turn uint8 pixels, N×height×width×3 RGB, into what the model's own input takes. The conversion runs
 * where the model runs, and a quarter of the bytes of float32 pixels cross to it.
 *
 * @throws OptionError for a mean or std that is not one or three numbers, or given for a model that takes uint8
 */
export function pixelGraph(input: ImageInput, format: PixelFormat): Omit<Graph, 'name' | 'outputs'> {
  const graph = new GraphBuilder('facekit_')
  let pixels = PIXELS
  if (format.channels === 'bgr') {
    pixels = graph.node('Gather', [pixels, graph.integers(2, 1, 0)], { axis: 3 })
  }
  if (input.layout === 'NCHW') pixels = graph.node('Transpose', [pixels], { perm: [0, 3, 1, 2] })

  if (input.elementType === 'uint8') {
    if (format.mean !== undefined || format.std !== undefined) {
      throw new OptionError(
        'Expected no pixel mean or std for a model that takes uint8 pixels: it normalises them itself',
      )
    }
  } else {
    const perChannel = input.layout === 'NCHW' ? [3, 1, 1] : [3]
    const mean = threeNumbers('pixel mean', format.mean ?? DEFAULT_MEAN)
    const std = threeNumbers('pixel std', format.std ?? DEFAULT_STD)
    if (std.includes(0)) throw new OptionError('Expected a pixel std other than 0')
    pixels = graph.node('Cast', [pixels], { to: ELEMENT_TYPES.float32 })
    pixels = graph.node('Sub', [pixels, graph.constant('float32', perChannel, mean)])
    pixels = graph.node('Div', [pixels, graph.constant('float32', perChannel, std)])
    if (input.elementType === 'float16') pixels = graph.node('Cast', [pixels], { to: ELEMENT_TYPES.float16 })
  }
  graph.node('Identity', [pixels], {}, input.name)

  const shape = [input.fixedBatch ?? 'N', input.height, input.width, 3]
  const inputs = [{ name: PIXELS, elementType: 'uint8', shape } as const]
  return { inputs, nodes: graph.nodes, initializers: graph.initializers }
}

function threeNumbers(name: string, value: number | readonly number[]): Float32Array {
  const values = typeof value === 'number' ? [value, value, value] : value
  if (values.length !== 3 || !values.every(Number.isFinite)) {
    throw new OptionError(`Expected one or three numbers for ${name} but received ${values.join(',')}`)
  }
  return Float32Array.from(values)
}
