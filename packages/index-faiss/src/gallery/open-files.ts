import { closeSync, openSync } from 'node:fs'

/** Rows that are looked at together lie in few files: the query tiles of a unit are neighbors, so are the rows of a tile. */
const MOST_OPEN = 4

/** Descriptors of the files that were used last: galleries may lie in thousands of files, and threads are many. */
export class OpenFiles {
  /** The one that was used last is the last. */
  readonly #descriptors = new Map<string, number>()

  /** @returns a descriptor for reading, good until the next call */
  open(path: string): number {
    const descriptor = this.#descriptors.get(path) ?? openSync(path, 'r')
    this.#descriptors.delete(path)
    this.#descriptors.set(path, descriptor)
    if (this.#descriptors.size > MOST_OPEN) {
      const [oldest] = this.#descriptors
      closeSync(oldest![1])
      this.#descriptors.delete(oldest![0])
    }
    return descriptor
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor)
    this.#descriptors.clear()
  }
}
