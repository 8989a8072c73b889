import type { IresnetError } from '../errors.js'
import type { DeclaredTensor } from './declared.js'
import { ITEM_BYTES, toFloat32 } from './dtypes.js'
import type { InputFile } from './input-file.js'
import { elementsOf, gather, isContiguous, spanOf } from './layout.js'
import type { Storage, TorchContent } from './storage.js'
import type { TorchDtype, TorchTensor } from './torch-tensor.js'

const MAX_ELEMENTS = 2 ** 31
/**
 * By strides of 0 (`expand`) or overlaps a tensor has more numbers than its storage. So many may be, which no buffer
 * of a face model comes near: without a bound, a few bytes of file could ask for any amount of memory.
 */
const MAX_REPEATED = 2 ** 20

/** For messages. */
const MAX_NAME = 100

/** A tensor of a file. */
export class FileTensor implements TorchTensor {
  readonly #file: InputFile
  readonly #name: string
  readonly #declared: DeclaredTensor
  /** Numbers from the first of its storage that it has to the last; 0 for a tensor that has none. */
  readonly #span: number
  readonly #storage: Storage | undefined

  /**
   * Checks whether its numbers are there. They are read when they are asked for.
   *
   * @throws IresnetError `TORCH_FILE` unless it lies within its storage, and that within the file
   */
  constructor(file: InputFile, content: TorchContent, name: string, declared: DeclaredTensor) {
    this.#file = file
    this.#name = name
    this.#declared = declared
    const { layout, storage } = declared
    const elements = elementsOf(layout.shape)
    this.#span = elements === 0 ? 0 : spanOf(layout)
    if (elements === 0) return

    const stored = Math.floor((storage.end - storage.start) / ITEM_BYTES[declared.dtype])
    const end = layout.offset + this.#span
    if (end > stored) throw this.#damaged(`ends at number ${end} of its storage, which has ${stored}`)
    if (elements > MAX_ELEMENTS || (elements > stored && elements > MAX_REPEATED)) {
      throw this.#damaged(`makes ${elements} numbers of the ${stored} of its storage, too many for weights`)
    }
    this.#storage = content.storageOf(storage)
  }

  get dtype(): TorchDtype {
    return this.#declared.dtype
  }

  get shape(): readonly number[] {
    return this.#declared.layout.shape
  }

  async read(): Promise<Float32Array> {
    if (!this.#storage) return new Float32Array(0)
    const { dtype, layout, storage } = this.#declared
    const itemBytes = ITEM_BYTES[dtype]
    try {
      const bytes = new Uint8Array(this.#span * itemBytes)
      await this.#storage.read(bytes, storage.start + layout.offset * itemBytes)
      const numbers = toFloat32(bytes, dtype, this.#storage.bigEndian)
      return isContiguous(layout) ? numbers : gather(numbers, layout)
    } catch (error) {
      // What is larger than this machine's memory.
      if (error instanceof RangeError) throw this.#damaged(`cannot be held: ${error.message}`, error)
      throw error
    }
  }

  #damaged(problem: string, cause?: unknown): IresnetError {
    return this.#file.damaged(`its tensor ${this.#name.slice(0, MAX_NAME)} ${problem}`, cause)
  }
}
