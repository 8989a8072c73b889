/** Before that a rate tells of how work starts, not of how it goes on. */
const MIN_SECONDS_FOR_ETA = 1

/** How far a piece of work is. */
export class Progress {
  readonly #label: string
  readonly #unit: string
  readonly #startMs = Date.now()
  #endMs: number | undefined
  /** What was done before, and says nothing of the rate. */
  readonly #from: number
  count: number
  /** Where it ends, once that is known. */
  total: number | undefined
  /** Appended to the line. */
  note = ''
  /** Whether another program, whose work this follows, may draw on the same terminal. */
  sharesTerminal = false

  constructor(label: string, unit: string, from = 0) {
    this.#label = label
    this.#unit = unit
    this.#from = from
    this.count = from
  }

  get finished(): boolean {
    return this.#endMs !== undefined
  }

  /** Stops the clock: the rate stays what it was. */
  finish(): void {
    this.#endMs = Date.now()
  }

  /** One line for people: how far it is, how fast, and how long it takes, or took. */
  describe(): string {
    const seconds = ((this.#endMs ?? Date.now()) - this.#startMs) / 1000
    const rate = (this.count - this.#from) / Math.max(0.001, seconds)
    const of = this.total === undefined ? '' : `/${grouped(this.total)}`
    const parts = [`${this.#label}: ${grouped(this.count)}${of} ${this.#unit}`, `${grouped(rate)}/s`]
    if (this.finished) parts.push(`in ${duration(seconds)}`)
    else if (this.total !== undefined && rate > 0 && seconds >= MIN_SECONDS_FOR_ETA)
      parts.push(`ETA ${duration((this.total - this.count) / rate)}`)
    if (this.note) parts.push(this.note)
    return parts.join(' · ')
  }
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
