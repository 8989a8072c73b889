import { Writable } from 'node:stream'

/** What a `WriterStream` writes with: one step at a time, in this order. */
export interface BatchWriter<Batch> {
  /** Makes room for what is written; called once, before all else. */
  open(): Promise<void>
  /** Takes one batch; the next one comes when this one is written. */
  write(batch: Batch): Promise<void>
  /** Makes what was written visible. */
  finish(): Promise<void>
  /** Releases everything and removes what is not finished; called once, after a success as well. */
  discard(): Promise<void>
}

/**
 * A `Writable` over promises, one batch at a time. What it does is never cut in two: when the stream is destroyed,
 * it waits for the step under way before it discards.
 */
export class WriterStream<Batch> extends Writable {
  readonly #writer: BatchWriter<Batch>
  #underWay: Promise<void> = Promise.resolve()

  constructor(writer: BatchWriter<Batch>) {
    // One batch waits while one is written.
    super({ objectMode: true, highWaterMark: 1 })
    this.#writer = writer
  }

  /** @internal */
  override _construct(callback: (error?: Error | null) => void): void {
    this.#run(() => this.#writer.open(), callback)
  }

  /** @internal */
  override _write(batch: Batch, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#run(() => this.#writer.write(batch), callback)
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    this.#run(() => this.#writer.finish(), callback)
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    void this.#underWay.then(async () => {
      await this.#writer.discard().then(
        () => callback(error),
        (discardError: Error) => callback(error ?? discardError),
      )
    })
  }

  #run(step: () => Promise<void>, callback: (error?: Error | null) => void): void {
    const done = step()
    this.#underWay = done.catch(() => {})
    done.then(
      () => callback(),
      (error: Error) => callback(error),
    )
  }
}
