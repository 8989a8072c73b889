import { Message } from 'apache-arrow'
import { ArrowError } from './errors.js'

// Encapsulated message format, https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format:
// a continuation marker, the length of the metadata (0 ends the stream), the metadata, the body.
const CONTINUATION = 0xffffffff
const PREFIX_BYTES = 8

/** Ends a stream. */
export const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)

/** The metadata of a schema or batch of ours is a few hundred bytes: a longer one is no Arrow but a random number. */
const MAX_METADATA_BYTES = 16 * 1024 * 1024

/** A message of the stream, as it came. */
export interface Frame {
  message: Message
  bytes: Uint8Array
}

/**
 * Cuts a byte stream into messages, up to the end marker.
 *
 * apache-arrow's own reader takes the end of the bytes for the end of the stream, wherever it falls between two
 * messages; here only the marker ends it.
 *
 * @throws ArrowError `ARROW_TRUNCATED`, `ARROW_INVALID`
 */
export async function* readFrames(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Frame> {
  const bytes = new ByteQueue(source, name)
  try {
    for (;;) {
      const prefix = await bytes.take(PREFIX_BYTES)
      const view = new DataView(prefix.buffer, prefix.byteOffset)
      const metadataLength = view.getInt32(4, true)
      if (
        view.getUint32(0, true) !== CONTINUATION ||
        metadataLength < 0 ||
        metadataLength > MAX_METADATA_BYTES
      ) {
        throw invalid(name)
      }
      if (metadataLength === 0) break
      const metadata = await bytes.take(metadataLength)
      const message = decodeMetadata(metadata, name)
      if (!(message.bodyLength >= 0)) throw invalid(name)
      const body = await bytes.take(message.bodyLength)
      yield { message, bytes: Buffer.concat([prefix, metadata, body]) }
    }
    if (!(await bytes.isExhausted())) {
      throw new ArrowError(
        'ARROW_INVALID',
        `Expected one Arrow stream on ${name} but more bytes follow its end`,
      )
    }
  } finally {
    await bytes.close()
  }
}

function decodeMetadata(metadata: Uint8Array, name: string): Message {
  try {
    return Message.decode(metadata)
  } catch (cause) {
    throw invalid(name, cause)
  }
}

export function invalid(name: string, cause?: unknown): ArrowError {
  return new ArrowError(
    'ARROW_INVALID',
    `Expected an Arrow IPC stream on ${name} but got other bytes. Pipe from facekit extract without --output, or give --input.`,
    { cause },
  )
}

class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #name: string
  #chunks: Uint8Array[] = []
  #available = 0
  #total = 0

  constructor(source: AsyncIterable<Uint8Array>, name: string) {
    this.#source = source[Symbol.asyncIterator]()
    this.#name = name
  }

  /** The next `count` bytes. Memory grows with what has come, not with what a length claims will come. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#available < count) {
      if (!(await this.#pull())) {
        throw new ArrowError(
          'ARROW_TRUNCATED',
          `Expected ${count} more bytes on ${this.#name} but it ended after ${this.#total}: its writer failed or was stopped. Nothing is written.`,
        )
      }
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(count)]
    this.#available -= count
    return all.subarray(0, count)
  }

  async isExhausted(): Promise<boolean> {
    while (this.#available === 0) if (!(await this.#pull())) return true
    return false
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #pull(): Promise<boolean> {
    const { done, value } = await this.#source.next()
    if (done) return false
    this.#chunks.push(value)
    this.#available += value.length
    this.#total += value.length
    return true
  }
}
