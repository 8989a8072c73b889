import { ArrowError, checkMessage, MalformedError } from './errors.js'
import { readMessage, type Message } from './message.js'

// Encapsulated message format, https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format:
// a continuation marker, the length of the metadata (0 ends the stream), the metadata, the body.
const CONTINUATION = 0xffffffff
const PREFIX_BYTES = 8

/** Ends a stream. */
export const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)

/** The metadata of a schema or batch of ours is a few hundred bytes: a longer one is no Arrow but a random number. */
const MAX_METADATA_BYTES = 16 * 1024 * 1024

/** What a buffer of Node 20 holds. */
const MAX_BODY_BYTES = 2 ** 32

/** A message of the stream, as it came. */
export interface Frame {
  /** Of the message, from 0. */
  number: number
  message: Message
  body: Uint8Array
}

/**
 * Cuts a byte stream into messages, up to the end marker.
 *
 * The end of the bytes is not the end of the stream, wherever it falls between two messages: only the marker is.
 *
 * @throws ArrowError `ARROW_TRUNCATED`, `ARROW_INVALID`
 */
export async function* readFrames(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Frame> {
  const bytes = new ByteQueue(source, name)
  try {
    for (let number = 0; ; number++) {
      const metadataLength = readPrefix(await bytes.take(PREFIX_BYTES), name, number)
      if (metadataLength === 0) break
      const metadata = await bytes.take(metadataLength)
      const message = checkMessage(name, number, () => readMessage(metadata))
      const { bodyLength } = message
      if (bodyLength > MAX_BODY_BYTES) {
        throw new ArrowError(
          'ARROW_INVALID',
          `Expected at most ${MAX_BODY_BYTES} bytes a message on ${name} but message ${number} has ${bodyLength}. Write smaller batches.`,
        )
      }
      yield { number, message, body: await bytes.take(bodyLength) }
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

/** @returns the length of the metadata */
function readPrefix(prefix: Uint8Array, name: string, number: number): number {
  const view = new DataView(prefix.buffer, prefix.byteOffset)
  const length = view.getUint32(4, true)
  if (view.getUint32(0, true) === CONTINUATION && length <= MAX_METADATA_BYTES) return length
  if (number === 0) throw noArrow(name)
  return checkMessage(name, number, () => {
    throw new MalformedError('it does not begin as one')
  })
}

/** @returns the error for bytes that are something else */
export function noArrow(name: string): ArrowError {
  return new ArrowError(
    'ARROW_INVALID',
    `Expected an Arrow IPC stream on ${name} but got other bytes. Pipe from facekit extract without --output, or give --input.`,
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
    this.#available -= count
    const last = this.#chunks.at(-1) ?? new Uint8Array()
    const taken = this.#chunks.length === 1 ? last.subarray(0, count) : Buffer.concat(this.#chunks, count)
    // The others were not enough: what is left over is of the last.
    this.#chunks = [last.subarray(last.length - this.#available)]
    return taken
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
