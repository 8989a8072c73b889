/** How CUDA and WebGPU say that a device has no memory left, the latter in so many words only on stderr. */
const OUT_OF_MEMORY =
  /out of memory|out_of_(device_)?memory|failed to allocate|Invalid Buffer|exceeds the max buffer size|Too many storage buffers/i

/** Runs rows in parts, smaller ones once a device's memory does not suffice for larger ones. */
export class PartRunner {
  readonly #onSmaller: (limit: number) => void
  readonly #mayShrink: boolean
  /** Rows in a part, at most. */
  limit: number

  /**
   * @param mayShrink false where a model fixes the number
   * @param onSmaller told of the new limit
   */
  constructor(limit: number, mayShrink: boolean, onSmaller: (limit: number) => void) {
    this.limit = limit
    this.#mayShrink = mayShrink
    this.#onSmaller = onSmaller
  }

  /**
   * @param run handles `count` rows from `start` on
   * @returns what it gave, part by part
   * @throws what it throws, but for want of memory only where one row is too many
   */
  async run<T>(rows: number, run: (start: number, count: number) => Promise<T>): Promise<T[]> {
    const results: T[] = []
    for (let start = 0; start < rows;) {
      const count = Math.min(this.limit, rows - start)
      try {
        results.push(await run(start, count))
        start += count
      } catch (error) {
        if (!this.#mayShrink || count === 1 || !isOutOfMemory(error)) throw error
        this.limit = Math.ceil(count / 2)
        this.#onSmaller(this.limit)
      }
    }
    return results
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && OUT_OF_MEMORY.test(error.message)
}
