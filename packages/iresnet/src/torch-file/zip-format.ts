import { inputOf } from '@facekit/pickle'
import type { DeclaredStorage } from './declared.js'
import type { InputFile } from './input-file.js'
import type { Storage, TorchContent } from './storage.js'
import { readTorchPickle } from './torch-pickle.js'
import { ZipArchive } from './zip-archive.js'
import type { ZipEntry } from './zip-entry.js'

/** A pickle of tens of thousands of tensors is a tenth of it. */
const MAX_PICKLE_BYTES = 64 * 1024 * 1024
/** For messages. */
const MAX_NAME = 100
/** `data.pkl` in a folder whose name is that of the file when it was saved, or `archive`. */
const PICKLE = /^([^/]*\/)data\.pkl$/

/** What torch.save writes since PyTorch 1.6: a zip file with the pickle and one entry per storage. */
export async function openZipFormat(file: InputFile): Promise<TorchContent> {
  const archive = await ZipArchive.open(file)
  const folder = findFolder(file, archive)
  const pickle = archive.get(`${folder}data.pkl`)!
  if (pickle.size > MAX_PICKLE_BYTES) {
    throw file.damaged(`has a pickle of ${pickle.size} bytes, expected at most ${MAX_PICKLE_BYTES}`)
  }
  const { value } = await readTorchPickle(file, inputOf(await readWhole(pickle), file.path))
  const bigEndian = await isBigEndian(file, archive.get(`${folder}byteorder`))
  return { root: value, storageOf: (declared) => storageOf(file, archive, folder, declared, bigEndian) }
}

function findFolder(file: InputFile, archive: ZipArchive): string {
  const folders = [...archive.names].flatMap((name) => PICKLE.exec(name)?.[1] ?? [])
  const [folder] = folders
  if (folder === undefined) {
    const [some = 'none'] = [...archive.names].filter((name) => !name.endsWith('/'))
    throw file.damaged(
      `is a zip archive of other files (${some.slice(0, MAX_NAME)}), not one of torch.save; fix: unpack it, and name the weights in it`,
    )
  }
  if (folders.length > 1) {
    throw file.damaged(
      `is a zip file with ${folders.length} entries data.pkl, expected 1: torch.save did not write it`,
    )
  }
  if (archive.get(`${folder}constants.pkl`)) {
    throw file.damaged(
      "is a TorchScript archive, which is a program, expected a state dict; fix: torch.save(torch.jit.load(file).state_dict(), 'weights.pth')",
    )
  }
  return folder
}

function storageOf(
  file: InputFile,
  archive: ZipArchive,
  folder: string,
  { key, bytes }: DeclaredStorage,
  bigEndian: boolean,
): Storage {
  const entry = archive.get(`${folder}data/${key}`)
  if (!entry) throw file.damaged(`lacks the numbers of a tensor: there is no zip entry ${folder}data/${key}`)
  if (entry.size !== bytes) {
    throw file.damaged(`has ${entry.size} bytes in its zip entry ${folder}data/${key}, expected ${bytes}`)
  }
  entry.check()
  return { bigEndian, read: (into, start) => entry.read(into, start) }
}

/** Written since PyTorch 2.1; what is older comes from little-endian machines. */
async function isBigEndian(file: InputFile, entry: ZipEntry | undefined): Promise<boolean> {
  if (!entry) return false
  const order = entry.size < 16 ? Buffer.from(await readWhole(entry)).toString('latin1') : ''
  if (order !== 'little' && order !== 'big')
    throw file.damaged(`has an unknown byte order, expected little or big`)
  return order === 'big'
}

async function readWhole(entry: ZipEntry): Promise<Uint8Array> {
  entry.check()
  const bytes = new Uint8Array(entry.size)
  await entry.read(bytes, 0)
  return bytes
}
