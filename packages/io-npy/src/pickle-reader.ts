import type { LabelRecord } from '@facekit/core'
import { ByteSource } from './byte-source.js'
import { parseDtype } from './dtype.js'
import { NpyError } from './errors.js'
import { openForReading } from './file-io.js'
import { readHeader } from './header.js'
import { Op } from './pickle-opcodes.js'
import type { Value } from './pickle-values.js'
import {
  ArrayDtype,
  Callable,
  ObjectArray,
  RecordDict,
  RecordList,
  Tuple,
  typeName,
} from './pickle-values.js'
import { decodeUnicode, decodeUtf8 } from './text.js'

const EXPECTED = "expected an object array of {'folder', 'file_path'} dicts as np.save writes it"

/** The longest opcode without a text or bytes after it. */
const OPCODE_BYTES = 16
/** No path is longer; a damaged length must not become an allocation of gigabytes. */
const MAX_TEXT_BYTES = 1024 * 1024
/** Module and name of a global. */
const MAX_NAME_BYTES = 256
/** Python's pickler puts 1000 elements on the stack at once. */
const MAX_STACK = 64 * 1024
const MAX_MARKS = 16
const MAX_TUPLE_DEPTH = 4
/** Per record at most: the dict, and for each of two numpy.str_ its dtype, state, bytes and the tuples around them. */
const MEMO_PER_RECORD = 16
/** For the array itself. */
const MEMO_FOR_ARRAY = 256
/** What a JavaScript array can hold without trouble. */
const MAX_MEMO = 2 ** 26

/**
 * Reads an object array of dicts `{'folder', 'file_path'}` a batch at a time. Nothing in the file is executed: the
 * reader knows only the opcodes that such arrays use, and refuses every global that is not NumPy's by its name.
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
    yield* new RecordUnpickler(new ByteSource(handle, file, dataOffset, size), file, rows).batches()
  } finally {
    await handle.close()
  }
}

/** A stack machine as Python's unpickler is one, for values that can do nothing. */
class RecordUnpickler {
  readonly #source: ByteSource
  readonly #file: string
  readonly #rows: number
  readonly #stack: Value[] = []
  readonly #marks: number[] = []
  readonly #memo: Value[] = []
  readonly #maxMemo: number
  /** The one list of the pickle. */
  #list: RecordList | undefined

  constructor(source: ByteSource, file: string, rows: number) {
    this.#source = source
    this.#file = file
    this.#rows = rows
    this.#maxMemo = Math.min(MAX_MEMO, MEMO_FOR_ARRAY + MEMO_PER_RECORD * rows)
  }

  async *batches(): AsyncGenerator<LabelRecord[], void, undefined> {
    const source = this.#source
    for (;;) {
      if (!source.has(OPCODE_BYTES)) await source.prefetch(OPCODE_BYTES)
      const opcode = source.uint8()
      switch (opcode) {
        case Op.Stop:
          this.#finish()
          return
        case Op.Append:
          this.#append([this.#pop()])
          yield this.#list!.take()
          break
        case Op.Appends:
          this.#append(this.#popToMark())
          yield this.#list!.take()
          break
        case Op.ShortBinUnicode:
          this.#push(await this.#text(source.uint8()))
          break
        case Op.BinUnicode:
          this.#push(await this.#text(source.uint32()))
          break
        case Op.BinUnicode8:
          this.#push(await this.#text(source.uint64()))
          break
        case Op.ShortBinBytes:
          this.#push(Buffer.from(await this.#bytes(source.uint8())))
          break
        case Op.BinBytes:
          this.#push(Buffer.from(await this.#bytes(source.uint32())))
          break
        case Op.Global:
          this.#pushGlobal(await this.#line(), await this.#line())
          break
        default:
          this.#step(opcode)
      }
    }
  }

  /** The opcodes that need no more than `OPCODE_BYTES`. */
  #step(opcode: number): void {
    const source = this.#source
    switch (opcode) {
      case Op.Proto: {
        const protocol = source.uint8()
        if (protocol < 2 || protocol > 5)
          throw this.#refuse(`has pickle protocol ${protocol}, expected 2 to 5`)
        break
      }
      case Op.Frame:
        if (source.uint64() > source.remaining) {
          throw new NpyError(
            'NPY_TRUNCATED',
            this.#file,
            `ended within a frame of its pickle: was it cut short?`,
          )
        }
        break
      case Op.Mark:
        if (this.#marks.length === MAX_MARKS) throw this.#refuse('nests too deep')
        this.#marks.push(this.#stack.length)
        break
      case Op.StackGlobal: {
        const name = this.#popString('the name of a global')
        this.#pushGlobal(this.#popString('the module of a global'), name)
        break
      }
      case Op.BinPut:
        this.#memoize(source.uint8())
        break
      case Op.LongBinPut:
        this.#memoize(source.uint32())
        break
      case Op.Memoize:
        this.#memoize(this.#memo.length)
        break
      case Op.BinGet:
        this.#recall(source.uint8())
        break
      case Op.LongBinGet:
        this.#recall(source.uint32())
        break
      case Op.BinInt:
        this.#push(source.int32())
        break
      case Op.BinInt1:
        this.#push(source.uint8())
        break
      case Op.BinInt2:
        this.#push(source.uint16())
        break
      case Op.Long1:
        this.#push(this.#long())
        break
      case Op.None:
        this.#push(null)
        break
      case Op.NewTrue:
        this.#push(true)
        break
      case Op.NewFalse:
        this.#push(false)
        break
      case Op.EmptyTuple:
        this.#pushTuple([])
        break
      case Op.Tuple1:
        this.#pushTuple(this.#popItems(1))
        break
      case Op.Tuple2:
        this.#pushTuple(this.#popItems(2))
        break
      case Op.Tuple3:
        this.#pushTuple(this.#popItems(3))
        break
      case Op.Tuple:
        this.#pushTuple(this.#popToMark())
        break
      case Op.EmptyList:
        if (this.#list) throw this.#refuse('holds a second list')
        this.#list = new RecordList()
        this.#push(this.#list)
        break
      case Op.EmptyDict:
        this.#push(new RecordDict())
        break
      case Op.SetItem:
        this.#setItems(this.#popItems(2))
        break
      case Op.SetItems:
        this.#setItems(this.#popToMark())
        break
      case Op.Reduce: {
        const args = this.#pop()
        const callable = this.#pop()
        this.#push(this.#reduce(callable, args))
        break
      }
      case Op.Build:
        this.#build(this.#pop())
        break
      default:
        throw this.#refuse(`has the pickle opcode 0x${opcode.toString(16).padStart(2, '0')}`)
    }
  }

  #push(value: Value): void {
    if (this.#stack.length === MAX_STACK)
      throw this.#refuse(`puts more than ${MAX_STACK} values on the stack`)
    this.#stack.push(value)
  }

  #pop(): Value {
    return this.#popItems(1)[0]!
  }

  #popItems(count: number): Value[] {
    const start = this.#stack.length - count
    if (start < (this.#marks.at(-1) ?? 0)) throw this.#damaged('takes more from the stack than there is')
    return this.#stack.splice(start)
  }

  #popToMark(): Value[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#damaged('has no mark where one belongs')
    return this.#stack.splice(mark)
  }

  #popString(what: string): string {
    const value = this.#pop()
    if (typeof value !== 'string') throw this.#damaged(`has ${typeName(value)} for ${what}`)
    return value
  }

  #memoize(slot: number): void {
    const value = this.#stack.at(-1)
    if (value === undefined) throw this.#damaged('remembers a value where there is none')
    if (slot >= this.#maxMemo) throw this.#damaged(`has a memo slot ${slot}`)
    this.#memo[slot] = value
  }

  #recall(slot: number): void {
    const value = this.#memo[slot]
    if (value === undefined) throw this.#damaged(`asks for memo slot ${slot}, which is empty`)
    this.#push(value)
  }

  #pushTuple(items: Value[]): void {
    const tuple = new Tuple(items)
    if (tuple.depth > MAX_TUPLE_DEPTH) throw this.#refuse('nests tuples too deep')
    this.#push(tuple)
  }

  #pushGlobal(module: string, name: string): void {
    const callable = Callable.named(module, name)
    if (callable === undefined) {
      throw this.#refuse(
        `asks for ${JSON.stringify(`${module}.${name}`)}, which is never run or imported here`,
      )
    }
    this.#push(callable)
  }

  #append(items: Value[]): void {
    const list = this.#stack.at(-1)
    if (!(list instanceof RecordList)) throw this.#damaged('appends to something that is not a list')
    for (const item of items) {
      const record = this.#record(item, list.count)
      if (list.count === this.#rows)
        throw this.#damaged(`holds more than the ${this.#rows} records of its header`)
      list.push(record)
    }
  }

  #record(item: Value, row: number): LabelRecord {
    if (!(item instanceof RecordDict)) throw this.#refuse(`holds ${typeName(item)} in row ${row}`)
    const { folder, file_path } = item
    if (folder === undefined || file_path === undefined) {
      throw this.#refuse(`lacks the key '${folder === undefined ? 'folder' : 'file_path'}' in row ${row}`)
    }
    return { folder, file_path }
  }

  #setItems(items: Value[]): void {
    const dict = this.#stack.at(-1)
    if (!(dict instanceof RecordDict)) throw this.#damaged('sets a key of something that is not a dict')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!
      const value = items[i + 1]
      const row = this.#list?.count ?? 0
      if (key !== 'folder' && key !== 'file_path') {
        const got = typeof key === 'string' ? JSON.stringify(key) : typeName(key)
        throw this.#refuse(`has the key ${got} in or soon after row ${row}`)
      }
      if (typeof value !== 'string') {
        const got = value === undefined ? 'nothing' : typeName(value)
        throw this.#refuse(`has ${got} for '${key}' in or soon after row ${row}`)
      }
      dict[key] = value
    }
  }

  #reduce(callable: Value, args: Value): Value {
    if (!(callable instanceof Callable) || !(args instanceof Tuple)) {
      throw this.#damaged(`calls ${typeName(callable)} with ${typeName(args)}`)
    }
    const [first, second] = args.items
    switch (callable.name) {
      case 'reconstruct':
        // (ndarray, (0,), b'b'): an empty array of a subclass, here always ndarray.
        if (first instanceof Callable && first.name === 'ndarray') return new ObjectArray()
        break
      case 'ndarray':
        if (first instanceof Tuple && second instanceof ArrayDtype) return new ObjectArray()
        break
      case 'dtype':
        if (typeof first === 'string' && /^(?:O[0-9]?|U[0-9]{1,6})$/.test(first)) return new ArrayDtype(first)
        throw this.#refuse(`holds an array of dtype ${typeof first === 'string' ? first : '?'}`)
      case 'scalar':
        if (first instanceof ArrayDtype && second instanceof Buffer) return this.#scalar(first, second)
        break
      case 'encode':
        if (typeof first === 'string' && second === 'latin1') return Buffer.from(first, 'latin1')
        break
    }
    throw this.#damaged(`calls ${callable.name} with other arguments than NumPy does`)
  }

  /** A numpy.str_ */
  #scalar(dtype: ArrayDtype, bytes: Buffer): string {
    if (!dtype.name.startsWith('U') || bytes.length !== 4 * Number(dtype.name.slice(1))) {
      throw this.#damaged(`has ${bytes.length} bytes for a scalar of dtype ${dtype.name}`)
    }
    if (bytes.length === 0) return ''
    // A copy, since the numbers must stand at a multiple of 4.
    const [text] = decodeUnicode(Uint8Array.from(bytes), 1, dtype.bigEndian, (_, number) => {
      throw this.#damaged(`contains ${number}, which is no character`)
    })
    return text!
  }

  #build(state: Value): void {
    const target = this.#stack.at(-1)
    const items = state instanceof Tuple ? state.items : []
    if (target instanceof ArrayDtype) {
      target.bigEndian = items[1] === '>'
      return
    }
    // (version, shape, dtype, Fortran order, elements)
    const [, shape, dtype, , list] = items
    if (
      !(target instanceof ObjectArray) ||
      !(shape instanceof Tuple) ||
      !(dtype instanceof ArrayDtype && dtype.name.startsWith('O')) ||
      !(list instanceof RecordList)
    ) {
      throw this.#damaged(
        `gives ${target === undefined ? 'nothing' : typeName(target)} a state that NumPy does not`,
      )
    }
    if (shape.items.length !== 1 || shape.items[0] !== this.#rows || list.count !== this.#rows) {
      throw this.#damaged(`holds ${list.count} records, but its header says ${this.#rows}`)
    }
    target.list = list
  }

  #finish(): void {
    const [array, ...others] = this.#stack
    if (!(array instanceof ObjectArray) || array.list === undefined || others.length > 0) {
      throw this.#damaged(`ends with ${array === undefined ? 'nothing' : typeName(array)}`)
    }
    if (this.#source.remaining > 0) {
      throw new NpyError(
        'NPY_SURPLUS',
        this.#file,
        `has ${this.#source.remaining} bytes after its pickle, expected none`,
      )
    }
  }

  #long(): number {
    const length = this.#source.uint8()
    if (length > 8) throw this.#refuse('holds an integer of more than 8 bytes')
    const bytes = this.#source.bytes(length)
    return Number(BigInt.asIntN(64, BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`)))
  }

  async #text(length: number): Promise<string> {
    const text = decodeUtf8(await this.#bytes(length))
    if (text === undefined) throw this.#damaged('has a text that is not UTF-8')
    return text
  }

  /** Valid until the next read. */
  async #bytes(length: number): Promise<Buffer> {
    if (length <= MAX_TEXT_BYTES && !this.#source.has(length)) await this.#source.prefetch(length)
    if (length > MAX_TEXT_BYTES && length <= this.#source.remaining) {
      throw this.#refuse(`holds a text of ${length} bytes`)
    }
    return this.#source.bytes(length)
  }

  /** Up to a line feed, as the older protocols write names. */
  async #line(): Promise<string> {
    await this.#source.prefetch(MAX_NAME_BYTES)
    let line = ''
    for (let byte = this.#source.uint8(); byte !== 0x0a; byte = this.#source.uint8()) {
      line += String.fromCharCode(byte)
      if (line.length > MAX_NAME_BYTES) throw this.#damaged('has the name of a global that does not end')
    }
    return line
  }

  /** A pickle of something else. */
  #refuse(what: string): NpyError {
    return new NpyError('NPY_PICKLE', this.#file, `${what}; ${EXPECTED}`)
  }

  #damaged(what: string): NpyError {
    return new NpyError('NPY_PICKLE', this.#file, `is damaged near byte ${this.#source.position}: it ${what}`)
  }
}
