import { seededRandom } from './random.mjs'

/**
 * @typedef {object} Shape
 * @property {'revised' | 'arcface'} [dialect]
 * @property {number[]} [depths] blocks per stage
 * @property {number[] | undefined} [widths] of the stem and of each stage
 * @property {(stage: number, block: number) => number} [inner] width between a block's convolutions; its output's if left out
 * @property {number} [dim]
 * @property {[number, number]} [picture] height and width
 * @property {number} [seed]
 */

/** @type {Record<'34' | '50' | '100' | '200', number[]>} */
export const DEPTHS = { 34: [3, 4, 6, 3], 50: [3, 4, 14, 3], 100: [3, 13, 30, 3], 200: [3, 30, 63, 3] }

/**
 * A tensor of a state dict, as packages/iresnet has it.
 *
 * @typedef {{ dtype: 'float32' | 'int64', shape: number[], read: () => Promise<Float32Array> }} Tensor
 */

/**
 * A state dict as a training run could have left it, with random weights that keep activations in a sane range.
 *
 * @param {Shape} shape
 * @returns {{ source: string, tensors: Map<string, Tensor>, close: () => Promise<void> }}
 */
export function randomWeights({
  dialect = 'revised',
  depths = [1, 2, 2, 1],
  widths = [8, 8, 16, 24, 32],
  inner,
  dim = 64,
  picture = [112, 112],
  seed = 1,
}) {
  const random = seededRandom(seed)
  /** @type {Map<string, Tensor>} */
  const tensors = new Map()
  /** @type {(name: string, shape: number[], number: () => number) => void} */
  const add = (name, shape, number) => {
    const length = shape.reduce((product, size) => product * size, 1)
    const values = Float32Array.from({ length }, number)
    tensors.set(name, { dtype: 'float32', shape, read: async () => values.slice() })
  }
  /** @type {(low: number, high: number) => () => number} */
  const between = (low, high) => () => low + (high - low) * random()
  /** @type {(name: string, outputs: number, inputs: number, kernel: number) => void} */
  const conv = (name, outputs, inputs, kernel) => {
    const spread = Math.sqrt(6 / (inputs * kernel ** 2))
    add(`${name}.weight`, [outputs, inputs, kernel, kernel], between(-spread, spread))
  }
  /** @type {(name: string, channels: number) => void} */
  const norm = (name, channels) => {
    add(`${name}.weight`, [channels], between(0.5, 1.5))
    add(`${name}.bias`, [channels], between(-0.5, 0.5))
    add(`${name}.running_mean`, [channels], between(-0.5, 0.5))
    add(`${name}.running_var`, [channels], between(0.5, 2))
    tensors.set(`${name}.num_batches_tracked`, {
      dtype: 'int64',
      shape: [],
      read: async () => Float32Array.of(1000),
    })
  }
  const revised = dialect === 'revised'
  const [stem = 8] = widths
  conv(revised ? 'stem.0' : 'conv1', stem, 3, 3)
  norm(revised ? 'stem.1' : 'bn1', stem)
  add(revised ? 'stem.2.weight' : 'prelu.weight', [stem], between(0, 0.5))
  let channels = stem
  depths.forEach((depth, stage) => {
    const width = widths[stage + 1] ?? stem
    for (let block = 0; block < depth; block++) {
      const at = revised ? `body.${stage}.${block}` : `layer${stage + 1}.${block}`
      const between2 = inner?.(stage, block) ?? width
      norm(`${at}.bn1`, channels)
      conv(`${at}.conv1`, between2, channels, 3)
      norm(`${at}.bn2`, between2)
      add(`${at}.${revised ? 'act1' : 'prelu'}.weight`, [between2], between(0, 0.5))
      conv(`${at}.conv2`, width, between2, 3)
      norm(`${at}.bn3`, width)
      if (block === 0) {
        if (revised) norm(`${at}.shortcut.0`, channels)
        conv(`${at}.${revised ? 'shortcut.2' : 'downsample.0'}`, width, channels, 1)
        norm(`${at}.${revised ? 'shortcut.3' : 'downsample.1'}`, width)
      }
      channels = width
    }
  })
  const [height, width] = picture.map((size) => Math.ceil(size / 2 ** depths.length))
  const features = channels * (height ?? 1) * (width ?? 1)
  norm(revised ? 'head.0' : 'bn2', channels)
  const spread = Math.sqrt(3 / features)
  add(`${revised ? 'head.3' : 'fc'}.weight`, [dim, features], between(-spread, spread))
  add(`${revised ? 'head.3' : 'fc'}.bias`, [dim], between(-0.1, 0.1))
  norm(revised ? 'head.4' : 'features', dim)
  return { source: 'random.pth', tensors, close: async () => {} }
}
