/** Numbers as they come, in one array of twice their bytes at most. */
export class Int32List {
  #values = new Int32Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(values: Int32Array): void {
    const length = this.#length + values.length
    if (length > this.#values.length) {
      const grown = new Int32Array(Math.max(length, 2 * this.#values.length))
      grown.set(this.whole)
      this.#values = grown
    }
    this.#values.set(values, this.#length)
    this.#length = length
  }

  /** All of them; a view that holds until more come. */
  get whole(): Int32Array {
    return this.#values.subarray(0, this.#length)
  }
}
