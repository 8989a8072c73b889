import type { LabelRecord } from '@facekit/core'
import type { PickleInput, PickleValue } from '@facekit/pickle'
import { PickleError, PickleTuple, typeName, Unpickler } from '@facekit/pickle'
import { parseDtype } from './dtype.js'
import { NpyError } from './errors.js'
import { openForReading, readFully } from './file-io.js'
import { readHeader } from './header.js'
import { labelGlobals } from './label-globals.js'
import { ArrayDtype, ObjectArray, RecordDict, RecordList } from './label-values.js'

const EXPECTED = "expected an object array of {'folder', 'file_path'} dicts as np.save writes it"

/** No path is longer. */
const MAX_TEXT_BYTES = 1024 * 1024
/** Per record: its dict, keys and strings, and for a numpy.str_ its dtype, state, bytes and the tuples around them. */
const VALUES_PER_RECORD = 128
/** For the array itself. */
const VALUES_FOR_ARRAY = 256

/**
 * Reads an object array of dicts `{'folder', 'file_path'}` a batch at a time. Nothing in the file is executed, and
 * every global that is not NumPy's is refused by its name.
 *
 * Batches come before the end of the file was checked: they count only when the iteration ends without an error.
 *
 * @throws NpyError `NPY_PICKLE` for anything but such an array
 */
export async function* readLabelRecords(file: string): AsyncGenerator<LabelRecord[], void, undefined> {
  const { handle, size } = await openForReading(file)
  try {
    const { descr, shape, dataOffset } = await readHeader(handle, size, file)
    const dtype = parseDtype(descr, file)
    if (dtype.kind !== 'O') {
      throw new NpyError('NPY_DTYPE', file, `has dtype ${dtype.descr}, ${EXPECTED}`)
    }
    const [rows] = shape
    if (shape.length !== 1 || rows === undefined) {
      throw new NpyError(
        'NPY_SHAPE',
        file,
        `has shape (${shape.join(', ')}), expected one dimension; fix: np.save(file, np.array(records, dtype=object))`,
      )
    }
    // A record takes several bytes.
    if (rows > size) {
      throw new NpyError(
        'NPY_TRUNCATED',
        file,
        `has ${size} bytes, too few for ${rows} records: was it cut short?`,
      )
    }
    const read = (into: Uint8Array, position: number) => readFully(handle, into, position, file)
    yield* new RecordReader({ source: file, start: dataOffset, end: size, read }, rows).batches()
  } finally {
    await handle.close()
  }
}

class RecordReader {
  readonly #unpickler: Unpickler
  readonly #input: PickleInput
  readonly #rows: number
  /** The one list of the pickle. */
  #list: RecordList | undefined

  constructor(input: PickleInput, rows: number) {
    this.#input = input
    this.#rows = rows
    const damaged = (what: string) => {
      throw this.#damaged(what)
    }
    const refuse = (what: string) => {
      throw this.#refuse(what)
    }
    const refuseRow = (what: string) => refuse(`${what} in or soon after row ${this.#list?.count ?? 0}`)
    this.#unpickler = new Unpickler(input, {
      globals: labelGlobals(input.end, damaged, refuse),
      newList: () => {
        if (this.#list) throw this.#refuse('holds a second list')
        return (this.#list = new RecordList(refuse))
      },
      newDict: () => new RecordDict(refuseRow),
      limits: { bytes: MAX_TEXT_BYTES, values: VALUES_FOR_ARRAY + VALUES_PER_RECORD * rows },
    })
  }

  async *batches(): AsyncGenerator<LabelRecord[], void, undefined> {
    try {
      while (await this.#unpickler.advance()) {
        // Checked while they come: a list that is too long may be endless.
        if (this.#list!.count > this.#rows) {
          throw this.#damaged(`holds more than the ${this.#rows} records of its header`)
        }
        yield this.#list!.take()
      }
      this.#check(this.#unpickler.finish())
    } catch (error) {
      throw error instanceof PickleError ? this.#asNpyError(error) : error
    }
  }

  #check(value: PickleValue): void {
    if (!(value instanceof ObjectArray)) throw this.#damaged(`ends with ${typeName(value)}`)
    // (version, shape, dtype, Fortran order, elements)
    const [, shape, dtype, , list] = value.state ?? []
    if (
      !(shape instanceof PickleTuple) ||
      !(dtype instanceof ArrayDtype && dtype.name.startsWith('O')) ||
      !(list instanceof RecordList)
    ) {
      throw this.#damaged('gives the array a state that NumPy does not')
    }
    if (shape.items.length !== 1 || shape.items[0] !== this.#rows || list.count !== this.#rows) {
      throw this.#damaged(`holds ${list.count} records, but its header says ${this.#rows}`)
    }
    const surplus = this.#input.end - this.#unpickler.position
    if (surplus > 0) {
      throw new NpyError(
        'NPY_SURPLUS',
        this.#input.source,
        `has ${surplus} bytes after its pickle, expected none`,
      )
    }
  }

  #asNpyError(error: PickleError): NpyError {
    const { code, problem } = error
    const file = this.#input.source
    if (code === 'PICKLE_TRUNCATED') return new NpyError('NPY_TRUNCATED', file, problem, { cause: error })
    const expected = code === 'PICKLE_DAMAGED' ? '' : `; ${EXPECTED}`
    return new NpyError('NPY_PICKLE', file, `${problem}${expected}`, { cause: error })
  }

  /** A pickle of something else. */
  #refuse(what: string): NpyError {
    return new NpyError('NPY_PICKLE', this.#input.source, `${what}; ${EXPECTED}`)
  }

  #damaged(what: string): NpyError {
    const { position } = this.#unpickler
    return new NpyError('NPY_PICKLE', this.#input.source, `is damaged near byte ${position}: it ${what}`)
  }
}
