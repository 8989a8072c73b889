import { ELEMENT_TYPES } from '@facekit/onnx'
import type { Convolution, Layer, Network, SqueezeExcitation } from './network.js'
import { batchNorm, convolve, type FloatGraph, type Operators } from './operators.js'

/** Name of the graph's input: N × height × width × 3 uint8, RGB. */
export const PIXELS = 'pixels'

/**
 * Writes the stem and the blocks.
 *
 * @returns the name of what the last block gives, N × channels × height × width
 */
export function writeBlocks(graph: FloatGraph, network: Network, operators: Operators): string {
  // The stem stays in float: of three channels there is little to win, and pixels do not fit a rounded zero point.
  const ofStem = { ...operators, convolve: (x: string, conv: Convolution) => convolve(graph, x, conv) }
  let x = writeLayers(graph, writePixels(graph, network), network.stem, ofStem)
  for (const { residual, shortcut } of network.blocks) {
    const y = writeLayers(graph, x, residual, operators)
    x = graph.node('Add', [y, writeLayers(graph, x, shortcut, operators)])
  }
  return x
}

function writePixels(graph: FloatGraph, { pixels: { mean, std } }: Network): string {
  const perChannel = [3, 1, 1]
  const planes = graph.node('Transpose', [PIXELS], { perm: [0, 3, 1, 2] })
  const cast = graph.node('Cast', [planes], { to: ELEMENT_TYPES[graph.precision] })
  const centred = graph.node('Sub', [
    cast,
    graph.float(perChannel, Float32Array.from(mean), 'the mean of the pixels'),
  ])
  if (std.every((value) => value === 1)) return centred
  return graph.node('Div', [
    centred,
    graph.float(perChannel, Float32Array.from(std), 'the std of the pixels'),
  ])
}

function writeLayers(graph: FloatGraph, x: string, layers: readonly Layer[], operators: Operators): string {
  return layers.reduce((y, layer) => writeLayer(graph, y, layer, operators), x)
}

function writeLayer(graph: FloatGraph, x: string, layer: Layer, operators: Operators): string {
  if ('norm' in layer) return batchNorm(graph, x, layer.norm)
  if ('conv' in layer) return operators.convolve(x, layer.conv)
  if ('prelu' in layer) return operators.activate(x, layer.prelu)
  if ('se' in layer) return writeSqueezeExcitation(graph, x, layer.se)
  const { kernel } = layer.pool
  const attributes = { kernel_shape: [kernel, kernel], strides: [2, 2], ceil_mode: kernel - 1 }
  return graph.node('AveragePool', [x], attributes)
}

/** In float, whatever the convolutions are: they are of one pixel. */
function writeSqueezeExcitation(graph: FloatGraph, x: string, { reduce, expand }: SqueezeExcitation): string {
  const mean = graph.node('GlobalAveragePool', [x])
  const inner = graph.node('Relu', [convolve(graph, mean, reduce)])
  return graph.node('Mul', [x, graph.node('Sigmoid', [convolve(graph, inner, expand)])])
}
