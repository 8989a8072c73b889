import { Writable, type Readable } from 'node:stream'

/** What the program reads, writes and says; `process` has them. */
export interface StandardStreams {
  /** The embeddings that `cluster` reads where it has no --input. */
  readonly stdin: Input
  /** Data. */
  readonly stdout: Output
  /** Talk. */
  readonly stderr: Output
}

export type Input = Readable & { readonly fd?: number }
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** What a command gets beside its arguments. */
export interface CommandContext {
  streams: StandardStreams
  /** The command line without the program, as it was given. */
  args: readonly string[]
  /** Stops the work. */
  signal: AbortSignal | undefined
}

/**
 * Keeps an error of stdout or stderr from ending the program with a stack trace: it goes to whoever waits for a write.
 * That nobody listens to stderr any more is no error at all.
 */
export function silence(...streams: Writable[]): void {
  for (const stream of streams) stream.off('error', ignore).on('error', ignore)
}

function ignore(): void {}

/**
 * Writes bytes to a stream and waits until each piece is taken. Unlike process.stdout it ends, so that a flow can end
 * in it; a reader that went away is an error with the code EPIPE.
 */
export function sinkInto(stream: Writable): Writable {
  silence(stream)
  return new Writable({
    write(chunk: Uint8Array, _encoding, callback) {
      stream.write(chunk, callback)
    },
  })
}
