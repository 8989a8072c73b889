interface Waiting {
  weight: number
  start(): void
}

/**
 * Shares `capacity` among tasks, each of a weight. Those for which there is no room wait in the order in which they
 * came, so that a heavy one gets its turn; one that outweighs the capacity runs alone.
 */
export class Limiter {
  readonly #capacity: number
  #free: number
  readonly #waiting: Waiting[] = []

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#free = capacity
  }

  async run<T>(weight: number, task: () => Promise<T>): Promise<T> {
    const taken = Math.min(weight, this.#capacity)
    if (this.#waiting.length === 0 && taken <= this.#free) this.#free -= taken
    else await new Promise<void>((start) => this.#waiting.push({ weight: taken, start }))
    try {
      return await task()
    } finally {
      this.#free += taken
      this.#startNext()
    }
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next && next.weight <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.weight
      next.start()
    }
  }
}
