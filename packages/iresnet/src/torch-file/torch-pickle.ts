import type { PickleInput, PickleValue, UnpickleOptions } from '@facekit/pickle'
import { PickleError, Unpickler } from '@facekit/pickle'
import { IresnetError } from '../errors.js'
import type { DeclaredStorage } from './declared.js'
import type { InputFile } from './input-file.js'
import { loadStorage, torchGlobals } from './torch-globals.js'

/** What a whole checkpoint of a face model puts on the stack is a tenth of it. */
const MAX_VALUES = 2 ** 21

export interface TorchPickle {
  value: PickleValue
  /** Byte of the input after the pickle. */
  end: number
}

export interface TorchObjects extends TorchPickle {
  /** The storages that tensors refer to, by key, as each is declared first. */
  storages: ReadonlyMap<string, DeclaredStorage>
}

/** Reads the pickle of the objects, with tensors as they are declared. Nothing is executed. */
export async function readTorchPickle(file: InputFile, input: PickleInput): Promise<TorchObjects> {
  const refuse = (what: string) => {
    throw file.damaged(`is damaged: it ${what}`)
  }
  const unsupported = (problem: string, fix?: string) => {
    throw unsupportedContent(file, problem, fix)
  }
  const storages = new Map<string, DeclaredStorage>()
  const persistentLoad = (id: PickleValue) => {
    const storage = loadStorage(id, refuse)
    if (!storages.has(storage.key)) storages.set(storage.key, storage)
    return storage
  }
  const globals = torchGlobals(refuse, unsupported)
  return { ...(await readPickle(file, input, { globals, persistentLoad })), storages }
}

/** Reads a pickle of numbers and strings. */
export async function readPickle(
  file: InputFile,
  input: PickleInput,
  options: UnpickleOptions = {},
): Promise<TorchPickle> {
  try {
    const unpickler = new Unpickler(input, { ...options, limits: { values: MAX_VALUES } })
    while (await unpickler.advance());
    return { value: unpickler.finish(), end: unpickler.position }
  } catch (error) {
    throw error instanceof PickleError ? asIresnetError(file, error) : error
  }
}

function asIresnetError(file: InputFile, error: PickleError): IresnetError {
  if (error.code !== 'PICKLE_GLOBAL') return file.damaged(error.problem, error)
  return unsupportedContent(file, error.problem, undefined, error)
}

/** The fix for whole modules, functions, and objects of others. */
const SAVE_ALONE =
  "if you trust the file, load it in Python and save its weights alone: torch.save(model.state_dict(), 'weights.pth')"

function unsupportedContent(
  file: InputFile,
  problem: string,
  fix = SAVE_ALONE,
  cause?: PickleError,
): IresnetError {
  const message = `${file.path}: ${problem}; expected tensors in plain containers; fix: ${fix}`
  return new IresnetError('TORCH_GLOBAL', message, cause && { cause })
}
