import { seededRandom } from '@facekit/testing'
import { buildModel } from '@facekit/onnx'

/**
 * A network of 3×3 convolutions with random weights: for each width `blocks` pairs of them, the first of stride 2, as
 * in an iresnet; the embedding is the mean of the last map.
 *
 * @param {{ widths: number[], blocks: number | number[] }} shape
 */
export function convolutions({ widths, blocks }) {
  const random = seededRandom(1)
  const nodes = []
  /** @type {import('@facekit/onnx').Initializer[]} */
  const initializers = []
  let current = 'image'
  let channels = 3
  /** @type {(to: number, stride: number) => void} */
  const convolve = (to, stride) => {
    const name = `c${nodes.length}`
    const spread = 2 / Math.sqrt(channels * 9)
    const data = Float32Array.from({ length: to * channels * 9 }, () => (random() - 0.5) * spread)
    initializers.push({ name: `${name}w`, elementType: 'float32', shape: [to, channels, 3, 3], data })
    const attributes = { kernel_shape: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1] }
    nodes.push({ opType: 'Conv', inputs: [current, `${name}w`], outputs: [name], attributes })
    nodes.push({ opType: 'Relu', inputs: [name], outputs: [`${name}r`] })
    current = `${name}r`
    channels = to
  }
  convolve(widths[0], 1)
  widths.forEach((width, stage) => {
    const count = Array.isArray(blocks) ? blocks[stage] : blocks
    for (let block = 0; block < count; block++) {
      convolve(width, 1)
      convolve(width, block === 0 ? 2 : 1)
    }
  })
  const mean = { axes: [2, 3], keepdims: 0 }
  nodes.push({ opType: 'ReduceMean', inputs: [current], outputs: ['embedding'], attributes: mean })
  return buildModel({
    name: 'convolutions',
    inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
    outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', channels] }],
    nodes,
    initializers,
  })
}
