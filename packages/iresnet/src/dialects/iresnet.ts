import { LayerReader } from '../layer-reader.js'
import type { Block } from '../network.js'
import type { TensorReader } from '../tensor-reader.js'
import type { StateDict } from '../torch-file/state-dict.js'
import type { Backbone, Dialect } from './dialect.js'

/** `conv1`, `layer1` … `layer4`, `fc`, `features`: InsightFace's arcface_torch, MagFace, ElasticFace. */
export const ARCFACE: Dialect = {
  mark: 'conv1.weight',
  read: async (reader, stateDict) =>
    readIresnet(reader, stateDict, {
      dialect: 'arcface',
      stem: { conv: 'conv1', norm: 'bn1', prelu: 'prelu' },
      block: (stage, block) => `layer${stage + 1}.${block}`,
      prelu: 'prelu',
      shortcut: async (layers, at, stride) => {
        await layers.conv(`${at}.downsample.0`, 1, stride)
        await layers.norm(`${at}.downsample.1`)
      },
    }),
  head: { featuresNorm: 'bn2', linear: 'fc', embeddingNorm: 'features' },
}

/** `stem`, `body`, `head`; shortcuts shrink by a mean, not by the stride of their convolution. */
export const REVISED: Dialect = {
  mark: 'stem.0.weight',
  read: async (reader, stateDict) =>
    readIresnet(reader, stateDict, {
      dialect: 'revised',
      stem: { conv: 'stem.0', norm: 'stem.1', prelu: 'stem.2' },
      block: (stage, block) => `body.${stage}.${block}`,
      prelu: 'act1',
      shortcut: async (layers, at, stride) => {
        await layers.norm(`${at}.shortcut.0`)
        if (stride > 1) layers.pool(2)
        await layers.conv(`${at}.shortcut.2`, 1)
        await layers.norm(`${at}.shortcut.3`)
      },
    }),
  head: { featuresNorm: 'head.0', linear: 'head.3', embeddingNorm: 'head.4' },
}

/** What the two dialects of an iresnet do not share. */
interface Names {
  dialect: 'arcface' | 'revised'
  stem: { conv: string; norm: string; prelu: string }
  /** @param stage, block both from 0 */
  block: (stage: number, block: number) => string
  prelu: string
  /** Reads what stands in for the identity where a block changes the shape. */
  shortcut: (layers: LayerReader, at: string, stride: number) => Promise<void>
}

async function readIresnet(reader: TensorReader, { tensors }: StateDict, names: Names): Promise<Backbone> {
  const stem = new LayerReader(reader, 3)
  await stem.conv(names.stem.conv, 3)
  await stem.norm(names.stem.norm)
  await stem.prelu(names.stem.prelu)

  const depths = depthsOf(tensors, names)
  const blocks: Block[] = []
  let { channels } = stem
  for (const [stage, depth] of depths.entries()) {
    for (let i = 0; i < depth; i++) {
      const at = names.block(stage, i)
      const stride = i === 0 ? 2 : 1
      const residual = new LayerReader(reader, channels)
      await residual.norm(`${at}.bn1`)
      await residual.conv(`${at}.conv1`, 3)
      await residual.norm(`${at}.bn2`)
      await residual.prelu(`${at}.${names.prelu}`)
      await residual.conv(`${at}.conv2`, 3, stride)
      await residual.norm(`${at}.bn3`)
      if (tensors.has(`${at}.se_block.fc1.weight`)) await residual.squeezeExcitation(`${at}.se_block`)

      const shortcut = new LayerReader(reader, channels)
      if (stride > 1 || residual.channels !== channels) await names.shortcut(shortcut, at, stride)
      blocks.push({ residual: residual.layers, shortcut: shortcut.layers })
      channels = residual.channels
    }
  }
  return { dialect: names.dialect, depths, stem: stem.layers, blocks, channels }
}

/** Counts stages, and blocks in each, by the first convolution of each block. At least one of each is expected. */
function depthsOf(tensors: StateDict['tensors'], { block: name }: Names): number[] {
  const isThere = (stage: number, block: number) => tensors.has(`${name(stage, block)}.conv1.weight`)
  const depths: number[] = []
  for (let stage = 0; stage === 0 || isThere(stage, 0); stage++) {
    let depth = 1
    while (isThere(stage, depth)) depth++
    depths.push(depth)
  }
  return depths
}
