import { pixelNormalization, type PixelFormat } from '@facekit/core'
import { ARCFACE, REVISED, type Dialect } from './dialects.js'
import { IresnetError } from './errors.js'
import { mapSize } from './map-size.js'
import type { Block, Convolution, Network, Shortcut } from './network.js'
import { TensorReader } from './tensor-reader.js'
import type { StateDict } from './torch-file/state-dict.js'

/**
 * Reads an iresnet of either dialect. Depth, widths (pruned ones too), length of the embedding and size of the picture
 * follow from the tensors.
 *
 * @throws IresnetError `IRESNET_TENSORS`, naming the first tensor that is missing, surplus or of the wrong shape;
 * `TORCH_FILE` for damaged data
 * @throws OptionError for a mean or std that is not one or three numbers
 */
export async function loadIresnet(stateDict: StateDict, format: PixelFormat = {}): Promise<Network> {
  const { mean, std } = pixelNormalization(format)
  const dialect = recognize(stateDict)
  const reader = new TensorReader(stateDict)
  const { stem: names, head } = dialect

  const width = reader.shapeOf(`${names.conv}.weight`, 4)[0]!
  const conv = await reader.convolution(names.conv, { inputs: 3, outputs: width, kernel: 3, stride: 1 })
  const stem = {
    conv: format.channels === 'bgr' ? swapChannels(conv) : conv,
    norm: await reader.batchNorm(names.norm, width),
    activation: await reader.activation(names.activation, width),
  }

  const depths = depthsOf(stateDict, dialect)
  const blocks: Block[] = []
  let channels = width
  for (const [stage, depth] of depths.entries()) {
    for (let i = 0; i < depth; i++) {
      const block = await readBlock(reader, dialect, stage, i, channels)
      blocks.push(block)
      channels = block.conv2.outputs
    }
  }

  const [dim, features] = reader.shapeOf(`${head.linear}.weight`, 2) as [number, number]
  const map = mapSize(features, channels)
  if (!map) {
    throw new IresnetError(
      'IRESNET_TENSORS',
      `Expected ${head.linear}.weight of ${stateDict.source} to take ${channels} channels of a map but its shape is ${dim}×${features}`,
    )
  }
  const network: Network = {
    dialect: dialect.name,
    depths,
    height: map.height * 2 ** depths.length,
    width: map.width * 2 ** depths.length,
    dim,
    features,
    // The channels of a picture come as RGB: what is said of BGR is turned round, as the stem's weights are.
    pixels: format.channels === 'bgr' ? { mean: mean.toReversed(), std: std.toReversed() } : { mean, std },
    stem,
    blocks,
    head: {
      featuresNorm: await reader.batchNorm(head.featuresNorm, channels),
      linearTakes: 'features',
      weights: await reader.tensor(`${head.linear}.weight`, [dim, features]),
      bias: await reader.tensor(`${head.linear}.bias`, [dim]),
      embeddingNorm: await reader.batchNorm(head.embeddingNorm, dim),
    },
  }
  reader.refuseSurplus()
  return network
}

function recognize({ tensors, source }: StateDict): Dialect {
  for (const dialect of [REVISED, ARCFACE]) {
    if (tensors.has(`${dialect.stem.conv}.weight`)) return dialect
  }
  const [some] = tensors.keys()
  throw new IresnetError(
    'IRESNET_TENSORS',
    `Expected the weights of an iresnet in ${source}, with a tensor ${REVISED.stem.conv}.weight or ${ARCFACE.stem.conv}.weight, but got ${tensors.size} tensors${some === undefined ? '' : ` such as ${some}`}. Other networks can be exported to ONNX and used as such.`,
  )
}

/** Counts stages, and blocks in each, by the first convolution of each block. At least one of each is expected. */
function depthsOf({ tensors }: StateDict, dialect: Dialect): number[] {
  const isThere = (stage: number, block: number) => tensors.has(`${dialect.block(stage, block).conv1}.weight`)
  const depths: number[] = []
  for (let stage = 0; stage === 0 || isThere(stage, 0); stage++) {
    let depth = 1
    while (isThere(stage, depth)) depth++
    depths.push(depth)
  }
  return depths
}

async function readBlock(
  reader: TensorReader,
  dialect: Dialect,
  stage: number,
  index: number,
  inputs: number,
): Promise<Block> {
  const names = dialect.block(stage, index)
  const stride = index === 0 ? 2 : 1
  const inner = reader.shapeOf(`${names.conv1}.weight`, 4)[0]!
  const outputs = reader.shapeOf(`${names.conv2}.weight`, 4)[0]!
  const block: Block = {
    norm1: await reader.batchNorm(names.norm1, inputs),
    conv1: await reader.convolution(names.conv1, { inputs, outputs: inner, kernel: 3, stride: 1 }),
    norm2: await reader.batchNorm(names.norm2, inner),
    activation: await reader.activation(names.activation, inner),
    conv2: await reader.convolution(names.conv2, { inputs: inner, outputs, kernel: 3, stride }),
    norm3: await reader.batchNorm(names.norm3, outputs),
  }
  const changesShape = stride !== 1 || inputs !== outputs
  if (!changesShape) return block
  return { ...block, shortcut: await readShortcut(reader, dialect, names.shortcut, inputs, outputs, stride) }
}

async function readShortcut(
  reader: TensorReader,
  { poolsShortcut }: Dialect,
  names: { normBefore?: string; conv: string; normAfter: string },
  inputs: number,
  outputs: number,
  stride: number,
): Promise<Shortcut> {
  const pools = poolsShortcut && stride > 1
  return {
    ...(names.normBefore && { normBefore: await reader.batchNorm(names.normBefore, inputs) }),
    pools,
    conv: await reader.convolution(names.conv, { inputs, outputs, kernel: 1, stride: pools ? 1 : stride }),
    normAfter: await reader.batchNorm(names.normAfter, outputs),
  }
}

/** The same convolution of a picture whose three channels come in the opposite order. */
function swapChannels(conv: Convolution): Convolution {
  const taps = conv.kernel ** 2
  const weights = conv.weights.map((_, at, all) => {
    const channel = Math.floor(at / taps) % 3
    return all[at + (2 - 2 * channel) * taps]!
  })
  return { ...conv, weights }
}
