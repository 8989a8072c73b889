import { IresnetError } from './errors.js'
import type { Activation, BatchNorm, Convolution } from './network.js'
import type { StateDict } from './torch-file/state-dict.js'

/** Counters that training keeps beside batch norms. */
const IGNORED = /(^|\.)num_batches_tracked$/

/** Reads the tensors of a network by name, checks their shapes, and knows which were left over. */
export class TensorReader {
  readonly #stateDict: StateDict
  readonly #taken = new Set<string>()

  constructor(stateDict: StateDict) {
    this.#stateDict = stateDict
  }

  /** @throws IresnetError if there is no such tensor or it has another number of axes */
  shapeOf(name: string, axes: number): readonly number[] {
    const { shape } = this.#find(name)
    if (shape.length !== axes || shape.includes(0)) this.#refuseShape(name, `${axes} axes, none empty`, shape)
    return shape
  }

  /** @returns row-major float32 */
  async tensor(name: string, shape: readonly number[]): Promise<Float32Array> {
    const tensor = this.#find(name)
    if (tensor.shape.join() !== shape.join()) this.#refuseShape(name, shape.join('×'), tensor.shape)
    return tensor.read()
  }

  async convolution(name: string, layer: Omit<Convolution, 'weights' | 'bias'>): Promise<Convolution> {
    const { inputs, outputs, kernel } = layer
    return { ...layer, weights: await this.tensor(`${name}.weight`, [outputs, inputs, kernel, kernel]) }
  }

  async batchNorm(name: string, channels: number): Promise<BatchNorm> {
    const read = (part: string) => this.tensor(`${name}.${part}`, [channels])
    return {
      weight: await read('weight'),
      bias: await read('bias'),
      mean: await read('running_mean'),
      variance: await read('running_var'),
    }
  }

  /** One slope per channel, or one for all. */
  async activation(name: string, channels: number): Promise<Activation> {
    const [count] = this.shapeOf(`${name}.weight`, 1)
    const slopes = await this.tensor(`${name}.weight`, [count === 1 ? 1 : channels])
    return { slopes: slopes.length === channels ? slopes : new Float32Array(channels).fill(slopes[0]!) }
  }

  /** @throws IresnetError for a tensor that the network has no place for */
  refuseSurplus(): void {
    const { tensors, source } = this.#stateDict
    for (const [name, { shape }] of tensors) {
      if (this.#taken.has(name) || IGNORED.test(name)) continue
      throw new IresnetError(
        'IRESNET_TENSORS',
        `Expected an iresnet in ${source} but its tensor ${name} (${describe(shape)}) has no place in one`,
      )
    }
  }

  #find(name: string) {
    const { tensors, source } = this.#stateDict
    const tensor = tensors.get(name)
    if (!tensor) {
      throw new IresnetError(
        'IRESNET_TENSORS',
        `Expected a tensor ${name} in ${source} but it is missing: the file is not an iresnet, or not all of one`,
      )
    }
    this.#taken.add(name)
    return tensor
  }

  #refuseShape(name: string, expected: string, got: readonly number[]): never {
    throw new IresnetError(
      'IRESNET_TENSORS',
      `Expected ${name} of ${this.#stateDict.source} to have the shape ${expected} but got ${describe(got)}`,
    )
  }
}

function describe(shape: readonly number[]): string {
  return shape.length === 0 ? 'a single number' : shape.join('×')
}
