import { seededRandom } from './random.mjs'

/**
 * @typedef {object} Shape
 * @property {'revised' | 'arcface' | 'ir' | 'adaface'} [dialect]
 * @property {boolean} [se] whether each block ends in a squeeze-and-excitation
 * @property {number[]} [depths] blocks per stage
 * @property {number[] | undefined} [widths] of the stem and of each stage
 * @property {(stage: number, block: number) => number} [inner] width between a block's convolutions; its output's if left out
 * @property {number} [dim]
 * @property {[number, number]} [picture] height and width
 * @property {number} [seed]
 */

/**
 * What the layers of each dialect are called, in a block by what follows the block's name.
 *
 * @typedef {object} Names
 * @property {{ conv: string, norm: string, prelu: string }} stem
 * @property {(stage: number, block: number, number: number) => string} block
 * @property {{ norm1: string, conv1: string, norm2?: string, prelu: string, conv2: string, norm3: string, se: string }} residual
 * @property {{ before?: string, conv: string, after: string }} shortcut
 * @property {{ featuresNorm: string, linear: string, embeddingNorm: string }} head
 */

const IR = {
  stem: { conv: 'input_layer.0', norm: 'input_layer.1', prelu: 'input_layer.2' },
  /** @type {Names['block']} */
  block: (_stage, _block, number) => `body.${number}`,
  shortcut: { conv: 'shortcut_layer.0', after: 'shortcut_layer.1' },
  head: { featuresNorm: 'output_layer.0', linear: 'output_layer.3', embeddingNorm: 'output_layer.4' },
}

/** @type {(prelu: string) => Names['residual']} */
const iresnetResidual = (prelu) => ({
  norm1: 'bn1',
  conv1: 'conv1',
  norm2: 'bn2',
  prelu,
  conv2: 'conv2',
  norm3: 'bn3',
  se: 'se_block',
})

/** @type {Record<NonNullable<Shape['dialect']>, Names>} */
const NAMES = {
  revised: {
    stem: { conv: 'stem.0', norm: 'stem.1', prelu: 'stem.2' },
    block: (stage, block) => `body.${stage}.${block}`,
    residual: iresnetResidual('act1'),
    shortcut: { before: 'shortcut.0', conv: 'shortcut.2', after: 'shortcut.3' },
    head: { featuresNorm: 'head.0', linear: 'head.3', embeddingNorm: 'head.4' },
  },
  arcface: {
    stem: { conv: 'conv1', norm: 'bn1', prelu: 'prelu' },
    block: (stage, block) => `layer${stage + 1}.${block}`,
    residual: iresnetResidual('prelu'),
    shortcut: { conv: 'downsample.0', after: 'downsample.1' },
    head: { featuresNorm: 'bn2', linear: 'fc', embeddingNorm: 'features' },
  },
  ir: {
    ...IR,
    residual: {
      norm1: 'res_layer.0',
      conv1: 'res_layer.1',
      prelu: 'res_layer.2',
      conv2: 'res_layer.3',
      norm3: 'res_layer.4',
      se: 'res_layer.5',
    },
  },
  adaface: {
    ...IR,
    residual: {
      norm1: 'res_layer.0',
      conv1: 'res_layer.1',
      norm2: 'res_layer.2',
      prelu: 'res_layer.3',
      conv2: 'res_layer.4',
      norm3: 'res_layer.5',
      se: 'res_layer.se_block',
    },
  },
}

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
  se = false,
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
  /** @type {(name: string, channels: number, isAffine?: boolean) => void} */
  const norm = (name, channels, isAffine = true) => {
    if (isAffine) {
      add(`${name}.weight`, [channels], between(0.5, 1.5))
      add(`${name}.bias`, [channels], between(-0.5, 0.5))
    }
    add(`${name}.running_mean`, [channels], between(-0.5, 0.5))
    add(`${name}.running_var`, [channels], between(0.5, 2))
    tensors.set(`${name}.num_batches_tracked`, {
      dtype: 'int64',
      shape: [],
      read: async () => Float32Array.of(1000),
    })
  }
  const names = NAMES[dialect]
  const [stem = 8] = widths
  conv(names.stem.conv, stem, 3, 3)
  norm(names.stem.norm, stem)
  add(`${names.stem.prelu}.weight`, [stem], between(0, 0.5))
  let channels = stem
  let number = 0
  depths.forEach((depth, stage) => {
    const width = widths[stage + 1] ?? stem
    for (let block = 0; block < depth; block++) {
      const at = names.block(stage, block, number++)
      const { residual, shortcut } = names
      const between2 = inner?.(stage, block) ?? width
      norm(`${at}.${residual.norm1}`, channels)
      conv(`${at}.${residual.conv1}`, between2, channels, 3)
      if (residual.norm2) norm(`${at}.${residual.norm2}`, between2)
      add(`${at}.${residual.prelu}.weight`, [between2], between(0, 0.5))
      conv(`${at}.${residual.conv2}`, width, between2, 3)
      norm(`${at}.${residual.norm3}`, width)
      if (se) {
        const inside = Math.ceil(width / 4)
        conv(`${at}.${residual.se}.fc1`, inside, width, 1)
        conv(`${at}.${residual.se}.fc2`, width, inside, 1)
      }
      // Those of the IR family have no tensors where the channels stay.
      if (block === 0 && (names.head !== IR.head || channels !== width)) {
        if (shortcut.before) norm(`${at}.${shortcut.before}`, channels)
        conv(`${at}.${shortcut.conv}`, width, channels, 1)
        norm(`${at}.${shortcut.after}`, width)
      }
      channels = width
    }
  })
  const [height, width] = picture.map((size) => Math.ceil(size / 2 ** depths.length))
  const features = channels * (height ?? 1) * (width ?? 1)
  const { featuresNorm, linear, embeddingNorm } = names.head
  norm(featuresNorm, channels)
  const spread = Math.sqrt(3 / features)
  add(`${linear}.weight`, [dim, features], between(-spread, spread))
  add(`${linear}.bias`, [dim], between(-0.1, 0.1))
  norm(embeddingNorm, dim, dialect !== 'adaface')
  return { source: 'random.pth', tensors, close: async () => {} }
}
