import { OptionError, pixelNormalization, type PixelFormat } from '@facekit/core'
import type { Dialect, HeadNames } from './dialects/dialect.js'
import { DIALECTS } from './dialects/dialects.js'
import { IresnetError } from './errors.js'
import type { Convolution, Head, Network } from './network.js'
import { otherNetwork } from './other-networks.js'
import { pictureSize, type PictureSize } from './picture-size.js'
import { TensorReader } from './tensor-reader.js'
import type { StateDict } from './torch-file/state-dict.js'

/** PyTorch's default, which most networks use. */
const EPSILON = 1e-5
/** More is no guard against dividing by zero. */
const MAX_EPSILON = 0.01
/** Tensors that are named in a note. */
const MAX_NAMED = 5

/** What tensors do not tell. */
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
 * Reads an iresnet, or a network of the IR family. Depth, widths (pruned ones too) and length of the embedding follow
 * from the tensors. The size of the pictures does not: all of a range give the same map.
 *
 * @throws IresnetError `IRESNET_TENSORS`, naming the first tensor that is missing, surplus or of the wrong shape, or has
 * a number that cannot be; `IRESNET_SIZE` for weights that do not take 112×112, where no size is given; `TORCH_FILE` for
 * damaged data
 * @throws OptionError for a mean or std that is not one or three numbers, an epsilon out of range, a size that the
 * weights do not take
 */
export async function loadIresnet(stateDict: StateDict, options: LoadIresnetOptions = {}): Promise<Network> {
  const { mean, std } = pixelNormalization(options)
  const { source } = stateDict
  const dialect = recognize(stateDict)
  const reader = new TensorReader(stateDict, epsilonOf(stateDict, options), options.signal)
  const { channels, stem, ...backbone } = await dialect.read(reader, stateDict)

  const linear = `${dialect.head.linear}.weight`
  const [dim, features] = reader.shapeOf(linear, 2) as [number, number]
  const cells = features / channels
  if (!Number.isInteger(cells)) {
    throw new IresnetError(
      'IRESNET_TENSORS',
      `Expected ${linear} of ${source} to take ${channels} channels of a map but its shape is ${dim}×${features}`,
    )
  }
  const head = await readHead(reader, dialect.head, { channels, dim, features })
  noteLeftOut(stateDict, reader.leftOver(dim), options.onNote)
  if (!head.embeddingNorm) {
    options.onNote?.(
      `${source} has no batch norm after its last layer (${dialect.head.embeddingNorm}.*): some networks have none; if this one has, the file is not complete`,
    )
  }
  if (backbone.dialect === 'adaface' && options.channels === undefined) noteChannels(source, options.onNote)
  const isBgr = options.channels === 'bgr'
  return {
    ...backbone,
    ...pictureSize({ size: options.size, cells, stages: backbone.depths.length, source, linear }),
    dim,
    features,
    // The channels of a picture come as RGB: what is said of BGR is turned round, as the stem's weights are.
    pixels: isBgr ? { mean: mean.toReversed(), std: std.toReversed() } : { mean, std },
    stem: isBgr ? stem.map((layer) => ('conv' in layer ? { conv: swapChannels(layer.conv) } : layer)) : stem,
    head,
  }
}

async function readHead(
  reader: TensorReader,
  { featuresNorm, linear, embeddingNorm }: HeadNames,
  { channels, dim, features }: { channels: number; dim: number; features: number },
): Promise<Head> {
  const last = await reader.optionalNorm(embeddingNorm, dim)
  return {
    featuresNorm: await reader.batchNorm(featuresNorm, channels),
    linearTakes: 'features',
    name: linear,
    weights: await reader.tensor(`${linear}.weight`, [dim, features]),
    bias: await reader.bias(linear, dim),
    ...(last && { embeddingNorm: last }),
  }
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
  const dialect = DIALECTS.find(({ mark }) => tensors.has(mark))
  if (dialect) return dialect
  const [some] = tensors.keys()
  throw new IresnetError(
    'IRESNET_TENSORS',
    `Expected the weights of an iresnet or IR network in ${source}, with a tensor ${DIALECTS.map(({ mark }) => mark).join(' or ')}, but got ${tensors.size} tensors${some === undefined ? '' : ` such as ${some}`}. ${otherNetwork(tensors.keys())}`,
  )
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

/** No tensor tells the order: networks of one kind are trained on both. */
function noteChannels(source: string, onNote: LoadIresnetOptions['onNote']): void {
  onNote?.(
    `${source} is of AdaFace's kind, and AdaFace is trained on BGR: for its weights give --channels bgr, for others --channels rgb`,
  )
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
