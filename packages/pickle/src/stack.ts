import type { PickleLimits } from './limits.js'
import type { Problems } from './problems.js'
import type { PickleValue } from './values.js'

/** The stack of Python's unpickler, with its marks. */
export class Stack {
  readonly #limits: PickleLimits
  readonly #problems: Problems
  readonly #values: PickleValue[] = []
  readonly #marks: number[] = []
  #pushed = 0

  constructor(limits: PickleLimits, problems: Problems) {
    this.#limits = limits
    this.#problems = problems
  }

  get length(): number {
    return this.#values.length
  }

  /** @throws PickleError where there is none */
  top(): PickleValue {
    const start = this.#marks.at(-1) ?? 0
    if (this.#values.length === start) throw this.#problems.damaged('has no value where one belongs')
    return this.#values.at(-1)!
  }

  push(value: PickleValue): void {
    const { stack, values } = this.#limits
    if (this.#values.length === stack) {
      throw this.#problems.unsupported(`puts more than ${stack} values on the stack`)
    }
    if (++this.#pushed > values) throw this.#problems.unsupported(`holds more than ${values} values`)
    this.#values.push(value)
  }

  pop(): PickleValue {
    const value = this.top()
    this.#values.pop()
    return value
  }

  popItems(count: number): PickleValue[] {
    const start = this.#values.length - count
    if (start < (this.#marks.at(-1) ?? 0)) {
      throw this.#problems.damaged('takes more from the stack than there is')
    }
    return this.#values.splice(start)
  }

  mark(): void {
    if (this.#marks.length === this.#limits.depth) throw this.#problems.unsupported('nests too deep')
    this.#marks.push(this.#values.length)
  }

  popToMark(): PickleValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#problems.damaged('has no mark where one belongs')
    return this.#values.splice(mark)
  }

  /** The opcode that takes back the last value, or the mark where there is none after it. */
  drop(): void {
    if (this.#values.length === this.#marks.at(-1)) this.#marks.pop()
    else this.pop()
  }

  /** The value of the pickle. */
  finish(): PickleValue {
    if (this.#marks.length > 0 || this.#values.length !== 1) {
      throw this.#problems.damaged(`ends with ${this.#values.length} values and ${this.#marks.length} marks`)
    }
    return this.#values[0]!
  }
}
