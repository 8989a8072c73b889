/** How far a piece of work is. */
export class Progress {
  readonly #label: string
  readonly #unit: string
  readonly #startMs = Date.now()
  #endMs: number | undefined
  count = 0
  /** Where it ends, once that is known. */
  total: number | undefined
  /** Appended to the line. */
  note = ''

  constructor(label: string, unit: string, total?: number) {
    this.#label = label
    this.#unit = unit
    this.total = total
  }

  get finished(): boolean {
    return this.#endMs !== undefined
  }

  finish(): void {
    this.#endMs = Date.now()
  }

  describe(): string {
    const seconds = ((this.#endMs ?? Date.now()) - this.#startMs) / 1000
    const rate = this.count / Math.max(0.001, seconds)
    const of = this.total === undefined ? '' : `/${grouped(this.total)}`
    const parts = [`${this.#label}: ${grouped(this.count)}${of} ${this.#unit}`, `${grouped(rate)}/s`]
    if (this.finished) parts.push(`in ${duration(seconds)}`)
    else if (this.total !== undefined && rate > 0)
      parts.push(`ETA ${duration((this.total - this.count) / rate)}`)
    if (this.note) parts.push(this.note)
    return parts.join(' · ')
  }
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`
}
