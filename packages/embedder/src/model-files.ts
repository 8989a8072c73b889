import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path'
import { externalData, relocateData, type ExternalData } from '@facekit/onnx'
import { EmbedderError } from './errors.js'

/** An ONNX model in memory. */
export interface ModelBytes {
  bytes: Uint8Array
  /** For messages. */
  name: string
}

/** A model with all that belongs to it. */
export interface LoadedModel extends ModelBytes {
  /** What its external data is relative to; undefined where it has none. */
  dataFolder: string | undefined
  /** What a session holds in memory, about. */
  weightsBytes: number
  /** SHA-256 of the model file and the files of its external data, in hexadecimal. */
  hash: string
}

interface DataFile {
  /** As the model has it. */
  location: string
  /** Free of links. */
  path: string
  bytes: number
}

/**
 * Reads a model and finds the files of its external data, before anything is started with it.
 *
 * @throws EmbedderError `MODEL_FILE` where one is missing, cut short, or outside the model's folder
 */
export async function loadModel(model: string | ModelBytes): Promise<LoadedModel> {
  const { bytes, name } =
    typeof model === 'string' ? { bytes: await readModelFile(model), name: model } : model
  const data = externalData(bytes, name)
  if (data.length === 0) {
    return { bytes, name, dataFolder: undefined, weightsBytes: bytes.length, hash: await hashOf(bytes, []) }
  }
  if (typeof model !== 'string') {
    throw new EmbedderError(
      'MODEL_FILE',
      `Expected the path of ${name}, not its bytes alone: its weights are in ${data[0]!.location}`,
    )
  }
  const files = await findDataFiles(data, name)
  const dataFolder = commonFolder(files.map(({ path }) => path))
  // ONNX Runtime follows no links out of a folder, and a download cache is made of them.
  const locations = new Map(
    files.map(({ location, path }) => [location, relative(dataFolder, path).replaceAll(sep, '/')]),
  )
  return {
    bytes: relocateData(bytes, (location) => locations.get(location)!, name),
    name,
    dataFolder,
    weightsBytes: files.reduce((sum, file) => sum + file.bytes, bytes.length),
    hash: await hashOf(bytes, files),
  }
}

/** Why a model cannot be read, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'that is a folder: name a file in it',
}

async function readModelFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const reason = REASONS[code] ?? String(cause)
    throw new EmbedderError('MODEL_FILE', `Expected an ONNX model at ${file} but ${reason}`, { cause })
  }
}

async function findDataFiles(data: readonly ExternalData[], model: string): Promise<DataFile[]> {
  // Where the model is a link, its data lies beside either end.
  const folders = [dirname(resolve(model)), dirname(await realpath(model))]
  const files: DataFile[] = []
  for (const location of new Set(data.map((part) => part.location))) {
    const file = await findDataFile(location, folders, model)
    const end = Math.max(
      ...data.filter((part) => part.location === location).map(({ offset, length = 0 }) => offset + length),
    )
    if (end > file.bytes) {
      throw new EmbedderError(
        'MODEL_FILE',
        `Expected at least ${end} bytes of weights of ${model} in ${file.path} but it has ${file.bytes}. Check that it is complete.`,
      )
    }
    files.push(file)
  }
  return files
}

async function findDataFile(location: string, folders: readonly string[], model: string): Promise<DataFile> {
  if (isAbsolute(location) || normalize(location).split(sep)[0] === '..') {
    throw new EmbedderError(
      'MODEL_FILE',
      `Expected the weights of ${model} in its own folder, where alone they are looked for, but it names ${location}`,
    )
  }
  const expected = folders.map((folder) => join(folder, location))
  for (const path of expected) {
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isFile()) return { location, path: await realpath(path), bytes: stats.size }
  }
  throw new EmbedderError(
    'MODEL_FILE',
    `Expected weights of ${model} in ${expected[0]} but there is no such file. A model with external data needs it beside it, under that name.`,
  )
}

/** The innermost folder that all files are in. */
function commonFolder(paths: readonly string[]): string {
  return paths.map(dirname).reduce((common, folder) => {
    let shared = common
    while (relative(shared, folder).split(sep)[0] === '..') shared = dirname(shared)
    return shared
  })
}

async function hashOf(model: Uint8Array, files: readonly DataFile[]): Promise<string> {
  const hash = createHash('sha256').update(model)
  for (const { path } of files) for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
