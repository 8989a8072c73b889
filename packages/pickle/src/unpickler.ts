import { ByteReader } from '@facekit/core'
import type { PickleInput } from './input.js'
import type { PickleLimits } from './limits.js'
import { DEFAULT_LIMITS } from './limits.js'
import { Memo } from './memo.js'
import { decodeInteger, parseFloatLine, parseInteger } from './numbers.js'
import { Op } from './opcodes.js'
import { Problems } from './problems.js'
import { Stack } from './stack.js'
import { decodeString, decodeUtf8, parseString, parseUnicode } from './text.js'
import type { GlobalCall, PickleValue } from './values.js'
import {
  PickleContainer,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleTuple,
  typeName,
} from './values.js'

/** What a pickle may name, and how much of it is read. */
export interface UnpickleOptions {
  /**
   * The globals that the pickle may name, as `module.name`, with what each does when it is called: nothing else is
   * ever run. `null`: it may be mentioned, not called. Usually a map; what it throws is seen by the caller.
   */
  globals?: Pick<ReadonlyMap<string, GlobalCall | null>, 'get'>
  /** What stands for a persistent id; without it, such ids are an error. */
  persistentLoad?: (id: PickleValue) => PickleValue
  /** Makes a list that keeps its values as the caller wants. */
  newList?: () => PickleList
  /** Makes a dict that keeps its values as the caller wants. */
  newDict?: () => PickleDict
  limits?: Partial<PickleLimits>
}

/** The longest opcode without a text or bytes after it. */
const OPCODE_BYTES = 16
const NEWEST_PROTOCOL = 5
/** Module or name of a global; a decimal number. */
const MAX_NAME_BYTES = 256
/** A string of protocol 0, which nothing but small and old pickles have. */
const MAX_LINE_BYTES = 64 * 1024
/** Of integers: random generators have states of some hundred bits. */
const MAX_INTEGER_BYTES = 256

/**
 * Python's unpickler, a stack machine, for values that can do nothing. It executes nothing, knows no global of its
 * own, and bounds depth, number and size of what it makes (see `PickleLimits`).
 */
export class Unpickler {
  readonly #bytes: ByteReader
  readonly #problems: Problems
  readonly #limits: PickleLimits
  readonly #stack: Stack
  readonly #memo: Memo
  readonly #options: UnpickleOptions
  readonly #globals = new Map<string, PickleGlobal>()

  constructor(input: PickleInput, options: UnpickleOptions = {}) {
    this.#bytes = new ByteReader(input, () => this.#problems.truncated(input.end))
    this.#problems = new Problems(input.source, () => this.#bytes.position)
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#stack = new Stack(this.#limits, this.#problems)
    this.#memo = new Memo(this.#limits.values, this.#problems)
    this.#options = options
  }

  /** Byte of the input that is read next: at the end, the one after the pickle. */
  get position(): number {
    return this.#bytes.position
  }

  /**
   * Goes on until a list has grown, so that its owner can take out what it holds, or the pickle has ended.
   *
   * @returns false at the end
   * @throws PickleError, what the input throws, and what the caller's own functions throw
   */
  async advance(): Promise<boolean> {
    const bytes = this.#bytes
    for (;;) {
      if (!bytes.has(OPCODE_BYTES)) await bytes.prefetch(OPCODE_BYTES)
      const opcode = bytes.uint8()
      switch (opcode) {
        case Op.Stop:
          return false
        case Op.Append:
          this.#append(this.#stack.popItems(1))
          return true
        case Op.Appends:
          this.#append(this.#stack.popToMark())
          return true
        case Op.Global:
          this.#stack.push(await this.#readGlobal())
          break
        case Op.Inst: {
          const callable = await this.#readGlobal()
          this.#stack.push(this.#call(callable, this.#tuple(this.#stack.popToMark())))
          break
        }
        case Op.Int:
        case Op.Long:
        case Op.Float:
        case Op.Get:
        case Op.Put:
        case Op.PersId:
          this.#line(opcode, (await this.#readLine(MAX_NAME_BYTES)).toString('latin1'))
          break
        case Op.String:
        case Op.Unicode:
          this.#line(opcode, (await this.#readLine(MAX_LINE_BYTES)).toString('latin1'))
          break
        default: {
          const length = this.#sizedBytes(opcode)
          if (length === undefined) {
            this.#step(opcode)
          } else {
            if (!bytes.has(length)) await bytes.prefetch(length)
            this.#stack.push(this.#sized(opcode, bytes.bytes(length)))
          }
        }
      }
    }
  }

  /** The value of a pickle that has ended. */
  finish(): PickleValue {
    return this.#stack.finish()
  }

  /** The bytes that follow an opcode and its length; `undefined` for an opcode without them. */
  #sizedBytes(opcode: number): number | undefined {
    const bytes = this.#bytes
    switch (opcode) {
      case Op.ShortBinUnicode:
      case Op.ShortBinBytes:
      case Op.ShortBinString:
      case Op.Long1:
        return bytes.uint8()
      case Op.Long4:
        return this.#checkLength(bytes.uint32(), MAX_INTEGER_BYTES)
      case Op.BinUnicode:
      case Op.BinBytes:
      case Op.BinString:
        return this.#checkLength(bytes.uint32(), this.#limits.bytes)
      case Op.BinUnicode8:
      case Op.BinBytes8:
      case Op.ByteArray8:
        return this.#checkLength(bytes.uint64(), this.#limits.bytes)
      default:
        return undefined
    }
  }

  #checkLength(length: number, limit: number): number {
    this.#bytes.require(length)
    if (length > limit)
      throw this.#problems.unsupported(`holds a value of ${length} bytes, more than ${limit}`)
    return length
  }

  #sized(opcode: number, bytes: Buffer): PickleValue {
    switch (opcode) {
      case Op.Long1:
      case Op.Long4:
        return decodeInteger(bytes)
      case Op.ShortBinString:
      case Op.BinString:
        return decodeString(bytes)
      case Op.ShortBinUnicode:
      case Op.BinUnicode:
      case Op.BinUnicode8: {
        const text = decodeUtf8(bytes)
        if (text === undefined) throw this.#problems.damaged('has a text that is not UTF-8')
        return text
      }
      default:
        return Buffer.from(bytes)
    }
  }

  /** The opcodes of protocol 0 that have a line of text. */
  #line(opcode: number, line: string): void {
    switch (opcode) {
      case Op.Put:
        this.#memo.put(this.#slot(line), this.#stack.top())
        return
      case Op.Get:
        this.#stack.push(this.#memo.get(this.#slot(line)))
        return
      case Op.PersId:
        this.#stack.push(this.#persistent(line))
        return
    }
    const value = parseLine(opcode, line)
    if (value === undefined)
      throw this.#problems.damaged(`has ${JSON.stringify(line.slice(0, 40))} for a value`)
    this.#stack.push(value)
  }

  #slot(line: string): number {
    if (!/^[0-9]{1,10}$/.test(line)) throw this.#problems.damaged(`has a memo slot ${JSON.stringify(line)}`)
    return Number(line)
  }

  /** The opcodes that need no more than `OPCODE_BYTES`. */
  #step(opcode: number): void {
    const bytes = this.#bytes
    const stack = this.#stack
    switch (opcode) {
      case Op.Proto: {
        const protocol = bytes.uint8()
        if (protocol > NEWEST_PROTOCOL) {
          throw this.#problems.unsupported(
            `has pickle protocol ${protocol}, expected 0 to ${NEWEST_PROTOCOL}`,
          )
        }
        break
      }
      case Op.Frame:
        // Frames help those who read ahead; their contents are read as any other.
        bytes.require(bytes.uint64())
        break
      case Op.Mark:
        stack.mark()
        break
      case Op.Pop:
        stack.drop()
        break
      case Op.PopMark:
        stack.popToMark()
        break
      case Op.Dup:
        stack.push(stack.top())
        break
      case Op.BinPut:
        this.#memo.put(bytes.uint8(), stack.top())
        break
      case Op.LongBinPut:
        this.#memo.put(bytes.uint32(), stack.top())
        break
      case Op.Memoize:
        this.#memo.add(stack.top())
        break
      case Op.BinGet:
        stack.push(this.#memo.get(bytes.uint8()))
        break
      case Op.LongBinGet:
        stack.push(this.#memo.get(bytes.uint32()))
        break
      case Op.BinInt:
        stack.push(bytes.int32())
        break
      case Op.BinInt1:
        stack.push(bytes.uint8())
        break
      case Op.BinInt2:
        stack.push(bytes.uint16())
        break
      case Op.BinFloat:
        stack.push(bytes.float64BE())
        break
      case Op.None:
        stack.push(null)
        break
      case Op.NewTrue:
        stack.push(true)
        break
      case Op.NewFalse:
        stack.push(false)
        break
      default:
        this.#stepContainer(opcode)
    }
  }

  /** The opcodes that make containers or fill them. */
  #stepContainer(opcode: number): void {
    const stack = this.#stack
    switch (opcode) {
      case Op.EmptyTuple:
        stack.push(this.#tuple([]))
        break
      case Op.Tuple1:
        stack.push(this.#tuple(stack.popItems(1)))
        break
      case Op.Tuple2:
        stack.push(this.#tuple(stack.popItems(2)))
        break
      case Op.Tuple3:
        stack.push(this.#tuple(stack.popItems(3)))
        break
      case Op.Tuple:
        stack.push(this.#tuple(stack.popToMark()))
        break
      case Op.EmptyList:
        stack.push(this.#newList())
        break
      case Op.List: {
        const items = stack.popToMark()
        stack.push(this.#newList())
        this.#append(items)
        break
      }
      case Op.EmptyDict:
        stack.push(this.#newDict())
        break
      case Op.Dict: {
        const items = stack.popToMark()
        stack.push(this.#newDict())
        this.#setItems(items)
        break
      }
      case Op.SetItem:
        this.#setItems(stack.popItems(2))
        break
      case Op.SetItems:
        this.#setItems(stack.popToMark())
        break
      case Op.EmptySet:
        stack.push(new PickleSet())
        break
      case Op.AddItems:
        this.#addItems(stack.popToMark())
        break
      case Op.FrozenSet: {
        const items = stack.popToMark()
        stack.push(new PickleSet())
        this.#addItems(items)
        break
      }
      default:
        this.#stepObject(opcode)
    }
  }

  /** The opcodes that ask for something from outside. */
  #stepObject(opcode: number): void {
    const stack = this.#stack
    switch (opcode) {
      case Op.StackGlobal: {
        const [module, name] = stack.popItems(2)
        if (typeof module !== 'string' || typeof name !== 'string') {
          throw this.#problems.damaged(
            `has ${typeName(module)} and ${typeName(name)} for the name of a global`,
          )
        }
        stack.push(this.#global(module, name))
        break
      }
      case Op.Reduce:
      case Op.NewObj: {
        const [callable, args] = stack.popItems(2)
        stack.push(this.#call(callable!, args!))
        break
      }
      case Op.NewObjEx: {
        const [callable, args, named] = stack.popItems(3)
        if (!(named instanceof PickleDict) || named.entries.size > 0) {
          throw this.#problems.unsupported(`calls ${typeName(callable)} with arguments by name`)
        }
        stack.push(this.#call(callable!, args!))
        break
      }
      case Op.Obj: {
        const [callable, ...args] = stack.popToMark()
        stack.push(this.#call(callable, this.#tuple(args)))
        break
      }
      case Op.Build:
        this.#build(stack.pop())
        break
      case Op.BinPersId:
        stack.push(this.#persistent(stack.pop()))
        break
      default:
        throw this.#problems.unsupported(
          `has the unknown pickle opcode 0x${opcode.toString(16).padStart(2, '0')}`,
        )
    }
  }

  #newList(): PickleList {
    return this.#options.newList?.() ?? new PickleList()
  }

  #newDict(): PickleDict {
    return this.#options.newDict?.() ?? new PickleDict()
  }

  #tuple(items: PickleValue[]): PickleTuple {
    const tuple = new PickleTuple(items)
    this.#adopt(tuple, items)
    return tuple
  }

  #append(items: PickleValue[]): void {
    const list = this.#stack.top()
    if (!(list instanceof PickleList)) throw this.#problems.damaged(`appends to ${typeName(list)}`)
    this.#adopt(list, items)
    list.append(items)
  }

  #addItems(items: PickleValue[]): void {
    const set = this.#stack.top()
    if (!(set instanceof PickleSet)) throw this.#problems.damaged(`adds to ${typeName(set)}`)
    this.#adopt(set, items)
    set.add(items)
  }

  #setItems(items: PickleValue[]): void {
    const dict = this.#stack.top()
    if (!(dict instanceof PickleDict)) throw this.#problems.damaged(`sets a key of ${typeName(dict)}`)
    if (items.length % 2 === 1) throw this.#problems.damaged('has a key without a value')
    this.#adopt(dict, items)
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!)
  }

  #adopt(container: PickleContainer, items: readonly PickleValue[]): void {
    if (container.adopt(items) > this.#limits.depth) throw this.#problems.unsupported('nests too deep')
    // Also true where it was among the items.
    if (container.sealed) {
      throw this.#problems.unsupported(
        `changes ${container.typeName} that is part of another value, or of itself`,
      )
    }
  }

  async #readGlobal(): Promise<PickleGlobal> {
    const module = (await this.#readLine(MAX_NAME_BYTES)).toString()
    return this.#global(module, (await this.#readLine(MAX_NAME_BYTES)).toString())
  }

  #global(module: string, name: string): PickleGlobal {
    if (module.length + name.length > 2 * MAX_NAME_BYTES) throw this.#problems.damaged('has an endless name')
    const full = `${module}.${name}`
    const known = this.#globals.get(full)
    if (known) return known
    const call = this.#options.globals?.get(full)
    if (call === undefined) throw this.#problems.global(full)
    const made = new PickleGlobal(full, call)
    this.#globals.set(full, made)
    return made
  }

  #call(callable: PickleValue | undefined, args: PickleValue): PickleValue {
    if (!(callable instanceof PickleGlobal) || !callable.call || !(args instanceof PickleTuple)) {
      const what = callable instanceof PickleGlobal ? callable.name : typeName(callable)
      throw this.#problems.damaged(`calls ${what} with ${typeName(args)}`)
    }
    return callable.call(args.items)
  }

  #build(state: PickleValue): void {
    const target = this.#stack.top()
    if (!(target instanceof PickleObject) || !target.build) {
      throw this.#problems.damaged(`gives ${typeName(target)} a state`)
    }
    target.build(state)
  }

  #persistent(id: PickleValue): PickleValue {
    const load = this.#options.persistentLoad
    if (!load) throw this.#problems.unsupported('refers to something outside of it (a persistent id)')
    return load(id)
  }

  async #readLine(maxBytes: number): Promise<Buffer> {
    const line = await this.#bytes.line(maxBytes)
    if (line === undefined) throw this.#problems.damaged(`has a line of more than ${maxBytes} bytes`)
    return line
  }
}

function parseLine(opcode: number, line: string): PickleValue | undefined {
  switch (opcode) {
    case Op.Int:
      // Protocol 0 has no booleans of its own.
      return line === '00' ? false : line === '01' ? true : parseInteger(line)
    case Op.Long:
      return parseInteger(line)
    case Op.Float:
      return parseFloatLine(line)
    case Op.String:
      return parseString(line)
    default:
      return parseUnicode(line)
  }
}
