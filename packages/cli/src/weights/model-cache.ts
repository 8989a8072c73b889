import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { OnnxError, readModel } from '@facekit/onnx'
import envPaths from 'env-paths'
import { openOutput } from '../open-output.js'
import type { Talk } from '../talk.js'

/** Counts changes of what is built from the same weights and options, so that no older model is taken for it. */
const BUILDER_VERSION = 3

/** Models that were converted before, one file each, named by the hash of everything that they were made from. */
export const CACHE_FOLDER = envPaths('facekit', { suffix: '' }).cache

/** Gives the model of these ingredients, made now or before. The cache failing is said and costs only time. */
export async function cached(
  ingredients: unknown,
  make: () => Promise<Uint8Array>,
  talk: Talk,
): Promise<Uint8Array> {
  const key = createHash('sha256')
    .update(JSON.stringify([BUILDER_VERSION, ingredients]))
    .digest('hex')
  const name = `${key}.onnx`
  const found = await readWhole(join(CACHE_FOLDER, name))
  if (found) return found
  const bytes = await make()
  try {
    const pending = await openOutput(CACHE_FOLDER, talk)
    try {
      await writeFile(pending.path(name), bytes)
      await pending.commit()
    } finally {
      await pending.discard()
    }
  } catch (error) {
    talk.warn(`The converted model is not cached: ${error instanceof Error ? error.message : String(error)}`)
  }
  return bytes
}

/** @returns undefined where there is no such file, or not all of it */
async function readWhole(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path)
    readModel(bytes, path)
    return bytes
  } catch (error) {
    if (error instanceof OnnxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
