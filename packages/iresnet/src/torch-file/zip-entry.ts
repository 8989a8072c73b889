import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'
import { IresnetError } from '../errors.js'
import type { InputFile } from './input-file.js'
import { CHUNK_BYTES } from './input-file.js'

const DEFLATED = 8
/** What deflate makes of a byte at most. An entry that promises more lies, and is not worth an allocation. */
const MAX_INFLATION = 1032

/** One file in a zip file. */
export class ZipEntry {
  readonly #file: InputFile
  readonly #zip: ZipFile
  readonly #entry: Entry
  /** Whether the checksum of the whole entry was found to be right. */
  #intact = false

  constructor(file: InputFile, zip: ZipFile, entry: Entry) {
    this.#file = file
    this.#zip = zip
    this.#entry = entry
  }

  /** Bytes, unpacked. */
  get size(): number {
    return this.#entry.uncompressedSize
  }

  /** @throws IresnetError `TORCH_FILE` unless the entry can be read, as far as its header tells */
  check(): void {
    const { compressionMethod, compressedSize, uncompressedSize } = this.#entry
    if (!this.#entry.canDecodeFileData()) {
      throw this.#damaged(
        `is encrypted or packed by method ${compressionMethod}, expected stored or deflated`,
      )
    }
    const most = compressionMethod === DEFLATED ? MAX_INFLATION * compressedSize : compressedSize
    if (compressedSize > this.#file.size || uncompressedSize > most) {
      throw this.#damaged(
        `says that it has ${uncompressedSize} bytes, more than its ${compressedSize} can hold`,
      )
    }
  }

  /**
   * Fills `into` from byte `start` of the entry on. The first time, all of the entry is read past a checksum; of what
   * is not wanted no more than a chunk is held.
   *
   * @throws IresnetError `TORCH_FILE` for damaged data
   */
  async read(into: Uint8Array, start: number): Promise<void> {
    this.check()
    const dataStart = await this.#findData()
    if (this.#entry.compressionMethod === DEFLATED) await this.#inflate(into, start, dataStart)
    else if (this.#intact) await this.#file.read(into, dataStart + start)
    else await this.#readStored(into, start, dataStart)
    this.#intact = true
  }

  async #readStored(into: Uint8Array, start: number, dataStart: number): Promise<void> {
    let sum = 0
    let scratch: Uint8Array | undefined
    for (let at = 0; at < this.size; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, this.size - at)
      const isWanted = at >= start && at + length <= start + into.length
      const chunk = isWanted
        ? into.subarray(at - start, at - start + length)
        : (scratch ??= new Uint8Array(CHUNK_BYTES)).subarray(0, length)
      await this.#file.read(chunk, dataStart + at)
      sum = crc32(chunk, sum)
      if (!isWanted) copyOverlap(chunk, at, into, start)
    }
    this.#checkSum(sum)
  }

  async #inflate(into: Uint8Array, start: number, dataStart: number): Promise<void> {
    let sum = 0
    let at = 0
    const unpack = async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        if (at + chunk.length > this.size) throw this.#damaged(`unpacks to more than its ${this.size} bytes`)
        sum = crc32(chunk, sum)
        copyOverlap(chunk, at, into, start)
        at += chunk.length
      }
    }
    try {
      await pipeline(this.#packed(dataStart), createInflateRaw(), unpack)
    } catch (error) {
      if (error instanceof IresnetError) throw error
      throw this.#damaged(`cannot be unpacked: ${(error as Error).message}`, error)
    }
    if (at < this.size) throw this.#damaged(`unpacks to ${at} bytes, expected ${this.size}`)
    this.#checkSum(sum)
  }

  async *#packed(dataStart: number): AsyncGenerator<Uint8Array> {
    const { compressedSize } = this.#entry
    for (let at = 0; at < compressedSize; at += CHUNK_BYTES) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, compressedSize - at))
      await this.#file.read(chunk, dataStart + at)
      yield chunk
    }
  }

  async #findData(): Promise<number> {
    try {
      return (await this.#zip.readLocalFileHeaderPromise(this.#entry, { minimal: true })).fileDataStart
    } catch (error) {
      if (error instanceof IresnetError) throw error
      throw this.#damaged(`cannot be found: ${(error as Error).message}`, error)
    }
  }

  /** 0 stands for one that was not recorded. */
  #checkSum(sum: number): void {
    const { crc32: expected } = this.#entry
    if (expected !== 0 && sum !== expected) throw this.#damaged('has another checksum than was recorded')
  }

  #damaged(problem: string, cause?: unknown): IresnetError {
    return this.#file.damaged(`its zip entry ${this.#entry.fileName} ${problem}`, cause)
  }
}

/** Copies what a chunk, which stands at byte `at`, has of the part that is wanted from byte `start` on. */
function copyOverlap(chunk: Uint8Array, at: number, into: Uint8Array, start: number): void {
  const from = Math.max(at, start)
  const to = Math.min(at + chunk.length, start + into.length)
  if (from < to) into.set(chunk.subarray(from - at, to - at), from - start)
}
