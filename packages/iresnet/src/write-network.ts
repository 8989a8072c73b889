import { ELEMENT_TYPES } from '@facekit/onnx'
import type { Block, Network } from './network.js'
import { batchNorm, type FloatGraph, type Operators } from './operators.js'

/** Name of the graph's input: N × height × width × 3 uint8, RGB. */
export const PIXELS = 'pixels'

/**
 * Writes the stem and the blocks.
 *
 * @returns the name of what the last block gives, N × channels × height × width
 */
export function writeBlocks(graph: FloatGraph, network: Network, operators: Operators): string {
  const { stem, blocks } = network
  let x = writePixels(graph, network)
  x = operators.convolve(x, stem.conv, 'stem')
  if (stem.norm) x = batchNorm(graph, x, stem.norm)
  x = operators.activate(x, stem.activation)
  blocks.forEach((block, i) => {
    x = writeBlock(graph, x, block, `block${i}`, operators)
  })
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

function writeBlock(
  graph: FloatGraph,
  x: string,
  { norm1, conv1, norm2, activation, conv2, norm3, shortcut }: Block,
  name: string,
  operators: Operators,
): string {
  let y = norm1 ? batchNorm(graph, x, norm1) : x
  y = operators.convolve(y, conv1, `${name}.conv1`)
  if (norm2) y = batchNorm(graph, y, norm2)
  y = operators.activate(y, activation)
  y = operators.convolve(y, conv2, `${name}.conv2`)
  if (norm3) y = batchNorm(graph, y, norm3)

  let around = x
  if (shortcut) {
    const { normBefore, pools, conv, normAfter } = shortcut
    if (normBefore) around = batchNorm(graph, around, normBefore)
    if (pools)
      around = graph.node('AveragePool', [around], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 })
    around = operators.convolve(around, conv, `${name}.shortcut`)
    if (normAfter) around = batchNorm(graph, around, normAfter)
  }
  return graph.node('Add', [y, around])
}
