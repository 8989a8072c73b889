import type { Block, Layer, Network } from '../network.js'
import type { TensorReader } from '../tensor-reader.js'
import type { StateDict } from '../torch-file/state-dict.js'

/** How the tensors of a family of networks are read. */
export interface Dialect {
  /** A tensor that tells it from the others: the weights of its first convolution. */
  mark: string
  /** @param stateDict what there is, for what not every network of the family has */
  read: (reader: TensorReader, stateDict: StateDict) => Promise<Backbone>
  /** What the parts of the head are called. */
  head: HeadNames
}

/** All of a network but its head. */
export interface Backbone extends Pick<Network, 'dialect' | 'depths'> {
  stem: readonly Layer[]
  blocks: readonly Block[]
  /** Channels of the last map. */
  channels: number
}

export interface HeadNames {
  featuresNorm: string
  linear: string
  embeddingNorm: string
}
