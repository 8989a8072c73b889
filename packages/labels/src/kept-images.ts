import { ScratchFile } from '@facekit/core'

/** Rows of which one place in the file is held: what is read to find one of them is some kilobytes at most. */
const STRIDE = 64
/** Of an image: its row, its index, and the bytes of its path, which follow; uint32 each. */
const HEAD_BYTES = 12

export interface KeptImage {
  index: number
  path: string
}

/** Some images of many by their row, in a file: an eighth of a byte a row is held. */
export class KeptImages {
  readonly #file: ScratchFile
  /** Where the images from row `STRIDE` · i on begin, for each i that has come. */
  readonly #starts: Float64Array
  #started = 0
  #pending: Buffer[] = []
  #bytes = 0
  /** What was read last, and which: neighbors are asked for together. */
  #block = Buffer.alloc(0)
  #blockStart = -1

  constructor(file: string, rows: number) {
    this.#file = new ScratchFile(file)
    this.#starts = new Float64Array(Math.ceil(rows / STRIDE))
  }

  /** Rows ascending. */
  add(row: number, { index, path }: KeptImage): void {
    const record = Buffer.alloc(HEAD_BYTES + Buffer.byteLength(path))
    record.writeUInt32LE(row, 0)
    record.writeUInt32LE(index, 4)
    record.writeUInt32LE(record.write(path, HEAD_BYTES), 8)
    while (this.#started <= Math.floor(row / STRIDE)) this.#starts[this.#started++] = this.#bytes
    this.#pending.push(record)
    this.#bytes += record.length
  }

  /** Brings what was added to the file: only then is it found. */
  flush(): void {
    this.#file.append(Buffer.concat(this.#pending))
    this.#pending = []
    this.#blockStart = -1
  }

  /** @throws Error for a row that was not added */
  of(row: number): KeptImage {
    const block = this.#blockOf(Math.floor(row / STRIDE))
    for (let at = 0; at < block.length;) {
      const end = at + HEAD_BYTES + block.readUInt32LE(at + 8)
      if (block.readUInt32LE(at) === row)
        return { index: block.readUInt32LE(at + 4), path: block.toString('utf8', at + HEAD_BYTES, end) }
      at = end
    }
    throw new Error(`Row ${row} was not added`)
  }

  remove(): void {
    this.#file.remove()
  }

  #blockOf(number: number): Buffer {
    const start = this.#starts[number]!
    if (start !== this.#blockStart) {
      const end = number + 1 < this.#started ? this.#starts[number + 1]! : this.#bytes
      this.#block = Buffer.alloc(end - start)
      this.#file.read(start, this.#block)
      this.#blockStart = start
    }
    return this.#block
  }
}
