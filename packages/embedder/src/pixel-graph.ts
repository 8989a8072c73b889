import { OptionError, pixelNormalization, type PixelFormat } from '@facekit/core'
import { ELEMENT_TYPES, GraphBuilder, type Graph } from '@facekit/onnx'
import type { ImageInput } from './image-input.js'

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
    const { mean, std } = pixelNormalization(format)
    pixels = graph.node('Cast', [pixels], { to: ELEMENT_TYPES.float32 })
    pixels = graph.node('Sub', [pixels, graph.constant('float32', perChannel, Float32Array.from(mean))])
    pixels = graph.node('Div', [pixels, graph.constant('float32', perChannel, Float32Array.from(std))])
    if (input.elementType === 'float16') pixels = graph.node('Cast', [pixels], { to: ELEMENT_TYPES.float16 })
  }
  graph.node('Identity', [pixels], {}, input.name)

  const shape = [input.fixedBatch ?? 'N', input.height, input.width, 3]
  const inputs = [{ name: PIXELS, elementType: 'uint8', shape } as const]
  return { inputs, nodes: graph.nodes, initializers: graph.initializers }
}
