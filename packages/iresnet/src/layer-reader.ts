import type { Layer } from './network.js'
import type { TensorReader } from './tensor-reader.js'

/** Reads layers that follow one another: each takes the channels that the one before it gives. */
export class LayerReader {
  readonly layers: Layer[] = []
  readonly #reader: TensorReader
  #channels: number

  /** @param channels of what the first layer takes */
  constructor(reader: TensorReader, channels: number) {
    this.#reader = reader
    this.#channels = channels
  }

  /** Of what the last layer gives. */
  get channels(): number {
    return this.#channels
  }

  /** None where it was folded into the convolution before it. */
  async norm(name: string): Promise<void> {
    const last = this.layers.at(-1)
    const norm =
      last && 'conv' in last
        ? await this.#reader.normAfter(last.conv, name)
        : await this.#reader.batchNorm(name, this.#channels)
    if (norm) this.layers.push({ norm })
  }

  async conv(name: string, kernel: 1 | 3, stride = 1): Promise<void> {
    const outputs = this.#reader.shapeOf(`${name}.weight`, 4)[0]!
    const layer = { inputs: this.#channels, outputs, kernel, stride }
    this.layers.push({ conv: await this.#reader.convolution(name, layer) })
    this.#channels = outputs
  }

  async prelu(name: string): Promise<void> {
    this.layers.push({ prelu: await this.#reader.activation(name, this.#channels) })
  }

  pool(kernel: 1 | 2): void {
    this.layers.push({ pool: { kernel } })
  }

  async squeezeExcitation(name: string): Promise<void> {
    const outer = this.#channels
    const inner = this.#reader.shapeOf(`${name}.fc1.weight`, 4)[0]!
    const shape = { kernel: 1, stride: 1 } as const
    const reduce = await this.#reader.convolution(`${name}.fc1`, { ...shape, inputs: outer, outputs: inner })
    const expand = await this.#reader.convolution(`${name}.fc2`, { ...shape, inputs: inner, outputs: outer })
    this.layers.push({ se: { reduce, expand } })
  }
}
