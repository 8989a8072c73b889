import { buildModel, ELEMENT_TYPES, NORMALIZED, PREPROCESSING } from '@facekit/onnx'
import { OptionError } from '@facekit/core'
import { foldNorms } from './fold.js'
import { quantizedOperators, type ActivationRanges } from './int8.js'
import { widthsOf, type Network } from './network.js'
import {
  batchNorm,
  convolve,
  depthwisePrelu,
  elementwisePrelu,
  prelu,
  FloatGraph,
  type Operators,
} from './operators.js'
import { PIXELS, writeBlocks } from './write-network.js'

/**
 * `embedding`: N × dim; `features`: N × features, what enters the last linear layer; `features_embedding`: one after
 * the other.
 */
export type IresnetOutput = 'embedding' | 'features' | 'features_embedding'

/** Arithmetic of a model: float32, float16 or 8-bit integers. */
export type Precision = 'fp32' | 'fp16' | 'int8'

/** What a model of a network gives, and how it computes. */
export interface BuildIresnetOptions {
  /** What the graph gives; nothing else is computed. `['embedding']` if left out. */
  outputs?: readonly IresnetOutput[] | undefined
  /** Of weights and arithmetic; outputs are float32 in any case. `fp32` if left out. */
  precision?: Precision
  /** Of the activations, needed for `int8`: see `calibrationModel`. */
  ranges?: ActivationRanges
  /** Whether to divide each embedding by its L2 norm; features stay as they are. */
  normalize?: boolean
  /** Whether to fold batch norms into their neighbours; true if left out. Without, the graph is PyTorch's. */
  fold?: boolean
  /** Written into the file beside what is known of the network. */
  metadata?: Readonly<Record<string, string>>
}

/** Keeps a zero row zero; the value is the contract's. */
const NORM_EPSILON = 1e-12

/**
 * How far a norm may shift what the blocks hand one another, in standard deviations (see `foldNorms`). At 32, float32
 * keeps 19 of its 24 bits; float16 has none to lose, and a common range of all channels, as int8 has it, none either.
 */
const SHIFT_LIMITS = { fp32: 32, fp16: 0, int8: 0 } as const

/**
 * Builds an ONNX model of a network: `pixels`, N × height × width × 3 uint8 RGB in, float32 out, everything between
 * them in the graph.
 *
 * @throws OptionError for int8 without ranges
 * @throws IresnetError `IRESNET_RANGE` for weights that the precision does not reach, naming the layer
 */
export function buildIresnet(network: Network, options: BuildIresnetOptions = {}): Uint8Array {
  const { outputs = ['embedding'], precision = 'fp32', normalize = false, fold = true } = options
  const source = fold ? foldNorms(network, SHIFT_LIMITS[precision]) : network
  const graph = new FloatGraph(precision === 'fp16' ? 'float16' : 'float32')
  const results = writeIresnet(graph, source, chooseOperators(graph, options), normalize)
  for (const name of outputs) graph.node('Cast', [results[name]()], { to: ELEMENT_TYPES.float32 }, name)

  const { height, width, dim, features } = network
  const sizes = { embedding: dim, features, features_embedding: features + dim }
  return buildModel(
    {
      name: 'iresnet',
      inputs: [{ name: PIXELS, elementType: 'uint8', shape: ['N', height, width, 3] }],
      outputs: outputs.map((name) => ({ name, elementType: 'float32', shape: ['N', sizes[name]] })),
      nodes: graph.nodes,
      initializers: graph.initializers,
    },
    { metadata: { ...describe(network, precision, normalize), ...options.metadata } },
  )
}

function chooseOperators(
  graph: FloatGraph,
  { precision = 'fp32', fold = true, ranges }: BuildIresnetOptions,
): Operators {
  if (precision === 'int8') {
    if (!ranges) throw new OptionError('Expected the ranges of the activations for int8 but received none')
    return quantizedOperators(graph, ranges)
  }
  const activate = fold ? (precision === 'fp32' ? depthwisePrelu : elementwisePrelu) : prelu
  return {
    convolve: (x, conv) => convolve(graph, x, conv),
    activate: (x, activation) => activate(graph, x, activation),
  }
}

/** Writes the blocks, and each of the results when it is first asked for: those give its name. */
export function writeIresnet(
  graph: FloatGraph,
  network: Network,
  operators: Operators,
  normalize: boolean,
): Record<IresnetOutput, () => string> {
  return writeHead(graph, network, writeBlocks(graph, network, operators), normalize)
}

function writeHead(
  graph: FloatGraph,
  { dim, head }: Network,
  blocks: string,
  normalize: boolean,
): Record<IresnetOutput, () => string> {
  const features = once(() => graph.node('Flatten', [batchNorm(graph, blocks, head.featuresNorm)]))
  const embedding = once(() => {
    const input = head.linearTakes === 'features' ? features() : graph.node('Flatten', [blocks])
    const weights = graph.float([dim, head.weights.length / dim], head.weights, head.name)
    const bias = graph.float([dim], head.bias, head.name)
    let x = graph.node('Gemm', [input, weights, bias], { transB: 1 })
    if (head.embeddingNorm) x = batchNorm(graph, x, head.embeddingNorm, 'row')
    return normalize ? writeNormalization(graph, x) : x
  })
  return {
    features,
    embedding,
    features_embedding: once(() =>
      graph.node('Concat', [asFloat32(graph, features()), asFloat32(graph, embedding())], { axis: 1 }),
    ),
  }
}

/** x / (‖x‖ + 1e-12), in float32: float16 has no such small number, and squares leave its range. */
function writeNormalization(graph: FloatGraph, x: string): string {
  const wide = asFloat32(graph, x)
  const norm = graph.node('ReduceL2', [wide], { axes: [1], keepdims: 1 })
  const epsilon = graph.constant('float32', [1], Float32Array.of(NORM_EPSILON))
  return graph.node('Div', [wide, graph.node('Add', [norm, epsilon])])
}

function asFloat32(graph: FloatGraph, x: string): string {
  return graph.node('Cast', [x], { to: ELEMENT_TYPES.float32 })
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}

function describe(network: Network, precision: Precision, normalize: boolean): Record<string, string> {
  const { dialect, depths, pixels } = network
  return {
    'facekit.dialect': dialect,
    'facekit.depths': depths.join(','),
    'facekit.widths': widthsOf(network).join(','),
    [PREPROCESSING]: `uint8 RGB, resized to ${network.width}×${network.height}; the graph normalises: mean ${pixels.mean.join(',')}, std ${pixels.std.join(',')}`,
    'facekit.bn_eps': String(network.head.featuresNorm.epsilon),
    'facekit.precision': precision,
    [NORMALIZED]: String(normalize),
  }
}
