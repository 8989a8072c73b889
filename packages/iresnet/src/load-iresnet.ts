import { OptionError, pixelNormalization, type PixelFormat } from '@facekit/core'
import { ARCFACE, REVISED, type Dialect } from './dialects.js'
import { IresnetError } from './errors.js'
import type { Block, Convolution, Network, Shortcut } from './network.js'
import { otherNetwork } from './other-networks.js'
import { pictureSize, type PictureSize } from './picture-size.js'
import { TensorReader } from './tensor-reader.js'
import type { StateDict } from './torch-file/state-dict.js'

/** PyTorch's default, which both dialects use. */
const EPSILON = 1e-5
/** More is no guard against dividing by zero. */
const MAX_EPSILON = 0.01
/** Tensors that are named in a note. */
const MAX_NAMED = 5

export interface LoadIresnetOptions extends PixelFormat {
  /** Of the pictures, in pixels, for weights that take others than 112×112. */
  size?: PictureSize | undefined
  /** Of the batch norms, which no tensor tells: 1e-5 if left out, 2e-5 for weights in the layout of MagFace. */
  epsilon?: number | undefined
  /** Told, in a sentence, what was left out and what was assumed. */
  onNote?: ((line: string) => void) | undefined
  /** Stops the reading, with its reason. */
  signal?: AbortSignal | undefined
}

/**
 * Reads an iresnet of either dialect. Depth, widths (pruned ones too) and length of the embedding follow from the
 * tensors. The size of the pictures does not: all of a range give the same map.
 *
 * @throws IresnetError `IRESNET_TENSORS`, naming the first tensor that is missing, surplus or of the wrong shape, or has
 * a number that cannot be; `IRESNET_SIZE` for weights that do not take 112×112, where no size is given; `TORCH_FILE` for
 * damaged data
 * @throws OptionError for a mean or std that is not one or three numbers, an epsilon out of range, a size that the
 * weights do not take
 */
export async function loadIresnet(stateDict: StateDict, options: LoadIresnetOptions = {}): Promise<Network> {
  const { mean, std } = pixelNormalization(options)
  const dialect = recognize(stateDict)
  const reader = new TensorReader(stateDict, epsilonOf(stateDict, options), options.signal)
  const { stem: names, head } = dialect

  const width = reader.shapeOf(`${names.conv}.weight`, 4)[0]!
  const conv = await reader.convolution(names.conv, { inputs: 3, outputs: width, kernel: 3, stride: 1 })
  const norm = await reader.normAfter(conv, names.norm)
  const stem = {
    conv: options.channels === 'bgr' ? swapChannels(conv) : conv,
    ...(norm && { norm }),
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
  const cells = features / channels
  if (!Number.isInteger(cells)) {
    throw new IresnetError(
      'IRESNET_TENSORS',
      `Expected ${head.linear}.weight of ${stateDict.source} to take ${channels} channels of a map but its shape is ${dim}×${features}`,
    )
  }
  const embeddingNorm = await reader.optionalNorm(head.embeddingNorm, dim)
  const { source } = stateDict
  const network: Network = {
    dialect: dialect.name,
    depths,
    ...pictureSize({
      size: options.size,
      cells,
      stages: depths.length,
      source,
      linear: `${head.linear}.weight`,
    }),
    dim,
    features,
    // The channels of a picture come as RGB: what is said of BGR is turned round, as the stem's weights are.
    pixels: options.channels === 'bgr' ? { mean: mean.toReversed(), std: std.toReversed() } : { mean, std },
    stem,
    blocks,
    head: {
      featuresNorm: await reader.batchNorm(head.featuresNorm, channels),
      linearTakes: 'features',
      name: head.linear,
      weights: await reader.tensor(`${head.linear}.weight`, [dim, features]),
      bias: await reader.bias(head.linear, dim),
      ...(embeddingNorm && { embeddingNorm }),
    },
  }
  noteLeftOut(stateDict, reader.leftOver(dim), options.onNote)
  return network
}

/** What MagFace's own checkpoints have before the names of their tensors; it trains with another epsilon. */
const MAGFACE = { prefix: 'features.module.', epsilon: 2e-5 }

function epsilonOf({ prefix, source }: StateDict, { epsilon, onNote }: LoadIresnetOptions): number {
  if (epsilon !== undefined || prefix !== MAGFACE.prefix) return checkEpsilon(epsilon ?? EPSILON)
  onNote?.(
    `${source} has the layout of MagFace (${prefix}*), which trains with a batch norm epsilon of ${MAGFACE.epsilon.toExponential()}: that is taken, unless another is given (--bn-eps)`,
  )
  return MAGFACE.epsilon
}

function checkEpsilon(epsilon: number): number {
  if (epsilon > 0 && epsilon <= MAX_EPSILON) return epsilon
  throw new OptionError(
    `Expected a number above 0, up to ${MAX_EPSILON}, for epsilon but received ${epsilon}`,
  )
}

function recognize({ tensors, source }: StateDict): Dialect {
  for (const dialect of [REVISED, ARCFACE]) {
    if (tensors.has(`${dialect.stem.conv}.weight`)) return dialect
  }
  const [some] = tensors.keys()
  throw new IresnetError(
    'IRESNET_TENSORS',
    `Expected the weights of an iresnet in ${source}, with a tensor ${REVISED.stem.conv}.weight or ${ARCFACE.stem.conv}.weight, but got ${tensors.size} tensors${some === undefined ? '' : ` such as ${some}`}. ${otherNetwork(tensors.keys())}`,
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
  const norm1 = await reader.batchNorm(names.norm1, inputs)
  const conv1 = await reader.convolution(names.conv1, { inputs, outputs: inner, kernel: 3, stride: 1 })
  const norm2 = await reader.normAfter(conv1, names.norm2)
  const activation = await reader.activation(names.activation, inner)
  const conv2 = await reader.convolution(names.conv2, { inputs: inner, outputs, kernel: 3, stride })
  const norm3 = await reader.normAfter(conv2, names.norm3)
  const norms = { norm1, ...(norm2 && { norm2 }), ...(norm3 && { norm3 }) }
  const block: Block = { ...norms, conv1, activation, conv2 }
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
  const layer = { inputs, outputs, kernel: 1, stride: pools ? 1 : stride } as const
  const normBefore = names.normBefore && (await reader.batchNorm(names.normBefore, inputs))
  const conv = await reader.convolution(names.conv, layer)
  const normAfter = await reader.normAfter(conv, names.normAfter)
  return { ...(normBefore && { normBefore }), pools, conv, ...(normAfter && { normAfter }) }
}

function noteLeftOut(
  { leftOut = [], source }: StateDict,
  surplus: readonly string[],
  onNote: LoadIresnetOptions['onNote'],
): void {
  const names = [...surplus, ...leftOut]
  if (names.length === 0) return
  const more = names.length - MAX_NAMED
  const named = `${names.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  onNote?.(`Left out of ${source}, which holds more than the network: ${named}`)
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
