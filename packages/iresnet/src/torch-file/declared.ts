import type { PickleValue } from '@facekit/pickle'
import { PickleDict, PickleObject } from '@facekit/pickle'
import type { Layout } from './layout.js'
import type { TorchDtype } from './torch-tensor.js'

/** A storage as the pickle declares it. */
export class DeclaredStorage extends PickleObject {
  readonly key: string
  /** Of untyped storages `uint8`. */
  readonly dtype: TorchDtype
  /** Bytes of the whole storage in the file. */
  readonly bytes: number
  /** The part of it that this is a view of, in bytes; the older format has such views. */
  readonly start: number
  readonly end: number

  constructor(key: string, dtype: TorchDtype, bytes: number, start = 0, end = bytes) {
    super()
    this.key = key
    this.dtype = dtype
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  get typeName(): string {
    return 'a storage'
  }
}

/** A tensor as the pickle declares it: nothing of it was checked against the file. */
export class DeclaredTensor extends PickleObject {
  readonly storage: DeclaredStorage
  readonly dtype: TorchDtype
  readonly layout: Layout

  constructor(storage: DeclaredStorage, dtype: TorchDtype, layout: Layout) {
    super()
    this.storage = storage
    this.dtype = dtype
    this.layout = layout
  }

  get typeName(): string {
    return 'a tensor'
  }
}

/** `collections.OrderedDict` and `defaultdict`. What a module notes beside its tensors (`_metadata`) is not needed. */
export class TorchDict extends PickleDict {
  override build(_state: PickleValue): void {}
}

/**
 * Something that stands beside the tensors and says nothing about them: a numpy scalar, a device, the options of a run.
 * What it holds is dropped.
 */
export class Inert extends PickleDict {
  readonly #typeName: string
  readonly #drop: (value: PickleValue) => void

  /** @param drop told of all that it is given */
  constructor(typeName: string, drop: (value: PickleValue) => void) {
    super()
    this.#typeName = typeName
    this.#drop = drop
  }

  override get typeName(): string {
    return this.#typeName
  }

  override set(_key: PickleValue, value: PickleValue): void {
    this.#drop(value)
  }

  override build(state: PickleValue): void {
    this.#drop(state)
  }
}
