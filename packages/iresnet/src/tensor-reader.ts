import { IresnetError } from './errors.js'
import { isOtherNetwork, otherNetwork } from './other-networks.js'
import type { Activation, BatchNorm, Convolution } from './network.js'
import type { StateDict } from './torch-file/state-dict.js'

/** Counters that training keeps beside batch norms. */
const IGNORED = /(^|\.)num_batches_tracked$/

/** Reads the tensors of a network by name, checks shapes and numbers, and knows which were left over. */
export class TensorReader {
  readonly #stateDict: StateDict
  readonly #epsilon: number
  readonly #signal: AbortSignal | undefined
  readonly #taken = new Set<string>()

  /**
   * @param epsilon of the batch norms
   * @param signal stops the reading before the next tensor
   */
  constructor(stateDict: StateDict, epsilon: number, signal?: AbortSignal) {
    this.#stateDict = stateDict
    this.#epsilon = epsilon
    this.#signal = signal
  }

  /** @throws IresnetError if there is no such tensor or it has another number of axes */
  shapeOf(name: string, axes: number): readonly number[] {
    const { shape } = this.#find(name)
    if (shape.length !== axes || shape.includes(0)) this.#refuseShape(name, `${axes} axes, none empty`, shape)
    return shape
  }

  /** @returns row-major float32, all finite and none below `least` */
  async tensor(name: string, shape: readonly number[], least = -Infinity): Promise<Float32Array> {
    const tensor = this.#find(name)
    if (tensor.shape.join() !== shape.join()) this.#refuseShape(name, shape.join('×'), tensor.shape)
    this.#signal?.throwIfAborted()
    const values = await tensor.read()
    for (let i = 0; i < values.length; i++) {
      // False for NaN, too.
      if (!(values[i]! >= least && Math.abs(values[i]!) < Infinity))
        this.#refuseNumber(name, i, values[i]!, least)
    }
    return values
  }

  /** With a bias where it has one, as it does after norms were folded into it. */
  async convolution(
    name: string,
    layer: Omit<Convolution, 'name' | 'weights' | 'bias'>,
  ): Promise<Convolution> {
    const { inputs, outputs, kernel } = layer
    const weights = await this.tensor(`${name}.weight`, [outputs, inputs, kernel, kernel])
    if (!this.#has(`${name}.bias`)) return { ...layer, name, weights }
    return { ...layer, name, weights, bias: await this.tensor(`${name}.bias`, [outputs]) }
  }

  /** Without weight and bias (`affine=False`) these are 1 and 0. */
  async batchNorm(name: string, channels: number): Promise<BatchNorm> {
    const read = (part: string, least?: number) => this.tensor(`${name}.${part}`, [channels], least)
    const isAffine = this.#has(`${name}.weight`) || this.#has(`${name}.bias`)
    return {
      name,
      weight: isAffine ? await read('weight') : new Float32Array(channels).fill(1),
      bias: isAffine ? await read('bias') : new Float32Array(channels),
      mean: await read('running_mean'),
      variance: await read('running_var', 0),
      epsilon: this.#epsilon,
    }
  }

  /** Undefined where there is nothing of such a norm. */
  async optionalNorm(name: string, channels: number): Promise<BatchNorm | undefined> {
    const parts = ['weight', 'bias', 'running_mean', 'running_var']
    return parts.some((part) => this.#has(`${name}.${part}`)) ? this.batchNorm(name, channels) : undefined
  }

  /** The norm of what a convolution gives; undefined where it was folded into the convolution, which has a bias then. */
  async normAfter(conv: Convolution, name: string): Promise<BatchNorm | undefined> {
    return conv.bias ? this.optionalNorm(name, conv.outputs) : this.batchNorm(name, conv.outputs)
  }

  /** The bias of a linear layer; 0 where it has none. */
  async bias(name: string, outputs: number): Promise<Float32Array> {
    return this.#has(`${name}.bias`) ? this.tensor(`${name}.bias`, [outputs]) : new Float32Array(outputs)
  }

  /** One slope per channel, or one for all. */
  async activation(name: string, channels: number): Promise<Activation> {
    const [count] = this.shapeOf(`${name}.weight`, 1)
    const slopes = await this.tensor(`${name}.weight`, [count === 1 ? 1 : channels])
    return {
      name,
      slopes: slopes.length === channels ? slopes : new Float32Array(channels).fill(slopes[0]!),
    }
  }

  /**
   * The tensors that the network has no place for and does not need: those of a classifier, which compares embeddings
   * with the centres of classes.
   *
   * @param dim length of an embedding
   * @throws IresnetError for any other
   */
  leftOver(dim: number): string[] {
    const { tensors, source } = this.#stateDict
    const modules = new Set([...this.#taken].map((name) => name.slice(0, name.lastIndexOf('.'))))
    const parts = new Set([...this.#taken].map(partOf))
    // `head.weight` hangs on a part of the network and is none: nothing else of it stands in that very place.
    const isApart = (name: string) =>
      !parts.has(partOf(name)) || (name.split('.').length === 2 && !modules.has(partOf(name)))
    const surplus = [...tensors.keys()].filter((name) => !this.#taken.has(name) && !IGNORED.test(name))
    const classifiers = surplus.filter((name) => {
      const { shape } = tensors.get(name)!
      return isApart(name) && shape.length === 2 && shape.includes(dim)
    })
    const withClassifier = new Set(classifiers.map(partOf))
    for (const name of surplus) {
      if (isApart(name) && withClassifier.has(partOf(name))) continue
      throw new IresnetError(
        'IRESNET_TENSORS',
        `Expected an iresnet in ${source} but its tensor ${name} (${describe(tensors.get(name)!.shape)}) has no place in one`,
      )
    }
    return surplus
  }

  #has(name: string): boolean {
    return this.#stateDict.tensors.has(name)
  }

  #find(name: string) {
    const { tensors, source } = this.#stateDict
    const tensor = tensors.get(name)
    if (!tensor) {
      this.#refuse(
        `Expected a tensor ${name} in ${source} but it is missing: the file is not an iresnet, or not all of one`,
      )
    }
    this.#taken.add(name)
    return tensor
  }

  #refuseNumber(name: string, at: number, got: number, least: number): never {
    const expected = Number.isFinite(got) ? `numbers from ${least}` : 'finite numbers'
    throw new IresnetError(
      'IRESNET_TENSORS',
      `Expected ${expected} in ${name} of ${this.#stateDict.source} but number ${at} of it is ${got}: the weights are damaged, or training went astray`,
    )
  }

  #refuseShape(name: string, expected: string, got: readonly number[]): never {
    this.#refuse(
      `Expected ${name} of ${this.#stateDict.source} to have the shape ${expected} but got ${describe(got)}`,
    )
  }

  /** Some networks begin as an iresnet does. */
  #refuse(problem: string): never {
    const names = [...this.#stateDict.tensors.keys()]
    const hint = isOtherNetwork(names) ? `. ${otherNetwork(names)}` : ''
    throw new IresnetError('IRESNET_TENSORS', `${problem}${hint}`)
  }
}

function describe(shape: readonly number[]): string {
  return shape.length === 0 ? 'a single number' : shape.join('×')
}

/** The part of a model that a tensor belongs to: the first of its names. */
function partOf(name: string): string {
  return name.slice(0, Math.max(0, name.indexOf('.')))
}
