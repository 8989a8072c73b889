import type { PickleInput, PickleValue } from '@facekit/pickle'
import { PickleList } from '@facekit/pickle'
import type { IresnetError } from '../errors.js'
import type { DeclaredStorage } from './declared.js'
import { ITEM_BYTES } from './dtypes.js'
import type { InputFile } from './input-file.js'
import type { Storage, TorchContent } from './storage.js'
import { readPickle, readTorchPickle } from './torch-pickle.js'

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001
/** Before each storage stands how many numbers it has. */
const COUNT_BYTES = 8

/**
 * What torch.save wrote before PyTorch 1.6: pickles of a magic number, a version, facts about the machine, the objects
 * and the keys of the storages, then the storages. Their bytes are little-endian on every machine, and have no
 * checksum.
 */
export async function openLegacyFormat(file: InputFile): Promise<TorchContent> {
  const magic = await readTorchPickle(file, inputAt(file, 0)).catch((error: IresnetError) => {
    if (error.code === 'TORCH_GLOBAL') throw error
    throw file.damaged('is no PyTorch file: it begins as none of those that torch.save writes', error)
  })
  if (magic.value !== MAGIC) {
    throw file.damaged(
      "is a Python pickle, but none of torch.save; fix: torch.save(model.state_dict(), 'weights.pth')",
    )
  }
  const version = await readPickle(file, inputAt(file, magic.end))
  if (version.value !== PROTOCOL) throw file.damaged(`has an unknown version, expected ${PROTOCOL}`)
  const machine = await readPickle(file, inputAt(file, version.end))
  const objects = await readTorchPickle(file, inputAt(file, machine.end))
  const keys = await readPickle(file, inputAt(file, objects.end))
  const positions = await findStorages(file, keys.value, keys.end, objects.storages)
  return {
    root: objects.value,
    storageOf: (declared) => storageOf(file, positions, objects.storages, declared),
  }
}

function inputAt(file: InputFile, start: number): PickleInput {
  const read = (into: Uint8Array, position: number) => file.read(into, position)
  return { source: file.path, start, end: file.size, read }
}

/** Where the bytes of each storage start: one stands after the other, in the order of the keys. */
async function findStorages(
  file: InputFile,
  keys: PickleValue,
  start: number,
  storages: ReadonlyMap<string, DeclaredStorage>,
): Promise<ReadonlyMap<string, number>> {
  if (!(keys instanceof PickleList)) throw file.damaged('is damaged: it has no list of storages')
  const positions = new Map<string, number>()
  let position = start
  for (const key of keys.items) {
    const declared = typeof key === 'string' ? storages.get(key) : undefined
    if (typeof key !== 'string' || !declared || positions.has(key)) {
      throw file.damaged('is damaged: its list of storages has others than its tensors')
    }
    const count = Buffer.alloc(COUNT_BYTES)
    await file.read(count, position)
    const expected = declared.bytes / ITEM_BYTES[declared.dtype]
    if (count.readBigInt64LE() !== BigInt(expected)) {
      throw file.damaged(
        `is damaged: it has ${count.readBigInt64LE()} numbers in storage ${key}, expected ${expected}`,
      )
    }
    positions.set(key, position + COUNT_BYTES)
    position += COUNT_BYTES + declared.bytes
  }
  if (position > file.size) {
    throw file.damaged(
      `has ${file.size} bytes, too few for tensors that end at byte ${position}: was it cut short?`,
    )
  }
  return positions
}

function storageOf(
  file: InputFile,
  positions: ReadonlyMap<string, number>,
  storages: ReadonlyMap<string, DeclaredStorage>,
  { key, bytes }: DeclaredStorage,
): Storage {
  const position = positions.get(key)
  if (position === undefined) throw file.damaged(`lacks the numbers of a tensor: there is no storage ${key}`)
  const first = storages.get(key)!
  if (first.bytes !== bytes) {
    throw file.damaged(
      `is damaged: its storage ${key} has ${first.bytes} bytes in one place and ${bytes} in another`,
    )
  }
  return { bigEndian: false, read: (into, start) => file.read(into, position + start) }
}
