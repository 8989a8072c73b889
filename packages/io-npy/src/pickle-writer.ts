import { iterate, writeAtomically, type BatchesOf, type LabelRecord } from '@facekit/core'
import { Op } from '@facekit/pickle'
import { ByteSink } from './byte-sink.js'
import { NpyError } from './errors.js'
import { openForWriting } from './file-io.js'
import { formatHeader } from './header.js'
import { encodeUtf8 } from './text.js'

/** Dicts on the reader's stack at once; what Python's own pickler uses. */
const RECORDS_PER_APPEND = 1000
/**
 * Class names that the reader remembers at once: a record whose class is among them costs 5 bytes for it instead of
 * the name. Bounds the memory of both sides, however many classes there are.
 */
const REMEMBERED_NAMES = 65536
const FOLDER_KEY = 0
const FILE_PATH_KEY = 1
const FIRST_NAME = 2
/** Opcodes around a record's two strings, and their lengths. */
const RECORD_OVERHEAD_BYTES = 64

/**
 * Writes a one-dimensional object array of dicts `{'folder', 'file_path'}` that `np.load(file, allow_pickle=True)`
 * reads. Memory stays the same whatever `count` is.
 *
 * @param file appears when it is complete
 * @param count how many records come; any other number of them is an error
 */
export async function writeLabelRecords(
  file: string,
  count: number,
  records: BatchesOf<LabelRecord[]>,
): Promise<void> {
  await writeAtomically(file, async ({ path }) => {
    const target = await openForWriting(path)
    try {
      const sink = new ByteSink(target)
      sink.bytes(formatHeader('|O', [count]))
      const written = await new RecordPickler(sink).write(count, iterate(records))
      if (written !== count) {
        throw new NpyError('NPY_BATCH', file, `got ${written} records, expected ${count}`)
      }
      await sink.flush()
    } finally {
      await target.close()
    }
  })
}

/**
 * NumPy's own pickles name `_reconstruct`, which lives in `numpy.core.multiarray` before 2.0 and in
 * `numpy._core.multiarray` after: the old name is a compatibility shim now, the new one does not exist in 1.x. These
 * call `numpy.ndarray` itself for the empty array that the state then fills: one spelling that every NumPy knows.
 */
class RecordPickler {
  readonly #sink: ByteSink
  /** Slot in the reader's memo of each name that it remembers. */
  readonly #names = new Map<string, number>()
  readonly #ring: string[] = []
  #namesSeen = 0

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /** @returns how many records there were */
  async write(count: number, batches: AsyncIterable<LabelRecord[]>): Promise<number> {
    const sink = this.#sink
    sink.uint8(Op.Proto)
    sink.uint8(4)
    this.#global('numpy', 'ndarray')
    this.#integer(0)
    sink.uint8(Op.Tuple1)
    this.#dtype()
    sink.uint8(Op.Tuple2)
    sink.uint8(Op.Reduce)
    // The state: version, shape, dtype, Fortran order, elements.
    sink.uint8(Op.Mark)
    this.#integer(1)
    this.#integer(count)
    sink.uint8(Op.Tuple1)
    this.#dtype()
    sink.uint8(Op.NewFalse)
    sink.uint8(Op.EmptyList)
    const written = await this.#records(batches)
    await sink.reserve(RECORD_OVERHEAD_BYTES)
    sink.uint8(Op.Tuple)
    sink.uint8(Op.Build)
    sink.uint8(Op.Stop)
    return written
  }

  async #records(batches: AsyncIterable<LabelRecord[]>): Promise<number> {
    const sink = this.#sink
    let written = 0
    for await (const batch of batches) {
      for (const { folder, file_path } of batch) {
        const room = RECORD_OVERHEAD_BYTES + 3 * (folder.length + file_path.length)
        if (!sink.has(room)) await sink.reserve(room)
        if (written % RECORDS_PER_APPEND === 0) {
          if (written > 0) sink.uint8(Op.Appends)
          sink.uint8(Op.Mark)
        }
        sink.uint8(Op.EmptyDict)
        sink.uint8(Op.Mark)
        this.#key('folder', FOLDER_KEY, written === 0)
        this.#name(folder)
        this.#key('file_path', FILE_PATH_KEY, written === 0)
        this.#string(file_path)
        sink.uint8(Op.SetItems)
        written++
      }
    }
    await sink.reserve(RECORD_OVERHEAD_BYTES)
    if (written > 0) sink.uint8(Op.Appends)
    return written
  }

  #key(key: string, slot: number, first: boolean): void {
    if (first) this.#string(key)
    this.#sink.uint8(first ? Op.BinPut : Op.BinGet)
    this.#sink.uint8(slot)
  }

  #name(name: string): void {
    const known = this.#names.get(name)
    if (known !== undefined) {
      this.#sink.uint8(Op.LongBinGet)
      this.#sink.uint32(known)
      return
    }
    // The slots are a ring: a new name takes the place of the oldest.
    const place = this.#namesSeen++ % REMEMBERED_NAMES
    const oldest = this.#ring[place]
    if (oldest !== undefined) this.#names.delete(oldest)
    this.#ring[place] = name
    this.#names.set(name, FIRST_NAME + place)
    this.#string(name)
    this.#sink.uint8(Op.LongBinPut)
    this.#sink.uint32(FIRST_NAME + place)
  }

  #string(text: string): void {
    const bytes = encodeUtf8(text)
    if (bytes.length <= 0xff) {
      this.#sink.uint8(Op.ShortBinUnicode)
      this.#sink.uint8(bytes.length)
    } else {
      this.#sink.uint8(Op.BinUnicode)
      this.#sink.uint32(bytes.length)
    }
    this.#sink.bytes(bytes)
  }

  #integer(value: number): void {
    // Eight bytes hold every count; the sign bit stays clear.
    this.#sink.uint8(Op.Long1)
    this.#sink.uint8(8)
    this.#sink.uint32(value % 2 ** 32)
    this.#sink.uint32(Math.floor(value / 2 ** 32))
  }

  /** `numpy.dtype('O')` */
  #dtype(): void {
    this.#global('numpy', 'dtype')
    this.#string('O')
    this.#sink.uint8(Op.Tuple1)
    this.#sink.uint8(Op.Reduce)
  }

  #global(module: string, name: string): void {
    this.#string(module)
    this.#string(name)
    this.#sink.uint8(Op.StackGlobal)
  }
}
