import type { Attribute, ElementType, Initializer, Node } from './model.js'

/** Collects the nodes and constants of a graph in the order in which they are made, and names what they give. */
export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly initializers: Initializer[] = []
  readonly #prefix: string

  /** @param prefix begins every name, so that the parts can join another graph */
  constructor(prefix = '') {
    this.#prefix = prefix
  }

  /** Adds a node of one output. @returns the name of its output */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `${this.#prefix}${opType}_${this.nodes.length}`,
  ): string {
    this.nodes.push({ opType, inputs, outputs: [output], attributes })
    return output
  }

  /**
   * Adds a constant.
   *
   * @param data little-endian elements, row-major; float16 as its bits
   * @returns its name
   */
  constant(elementType: ElementType, shape: readonly number[], data: ArrayBufferView): string {
    const name = `${this.#prefix}constant_${this.initializers.length}`
    this.initializers.push({ name, elementType, shape, data })
    return name
  }

  /** Adds a list of integers, as operators take shapes and axes. */
  integers(...values: number[]): string {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt))
  }
}
