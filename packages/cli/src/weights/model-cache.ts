import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { FacekitError, writeAtomically } from '@facekit/core'
import type { Talk } from '../talk.js'

/** Counts changes of what is built from the same weights and options, so that no older model is taken for it. */
const BUILDER_VERSION = 6

const CHECKSUM_BYTES = 32

/**
 * Models that were converted before, one file each, named by the hash of everything that they were made from: the SHA-256
 * of the model, then the model. Undefined where the user has no home.
 */
export async function cacheFolder(): Promise<string | undefined> {
  try {
    // It looks for the home when it is loaded, and throws where there is none.
    const { default: envPaths } = await import('env-paths')
    const folder = envPaths('facekit', { suffix: '' }).cache
    return isAbsolute(folder) ? folder : undefined
  } catch {
    return undefined
  }
}

/** Gives the model of these ingredients, made now or before. The cache failing is said and costs only time. */
export async function cached(
  ingredients: unknown,
  make: () => Promise<Uint8Array>,
  talk: Talk,
): Promise<Uint8Array> {
  const folder = await cacheFolder()
  if (folder === undefined) {
    talk.warn('The converted model is not cached: there is no home folder')
    return make()
  }
  const key = createHash('sha256')
    .update(JSON.stringify([BUILDER_VERSION, ingredients]))
    .digest('hex')
  const file = join(folder, `${key}.model`)
  const kept = await readKept(file, talk)
  if (kept) return kept
  const model = await make()
  await keep(file, model).catch((error: unknown) => {
    // Another process that makes the same one keeps it.
    if (error instanceof FacekitError && error.code === 'OUTPUT_BUSY') return
    talk.warn(`The converted model is not cached: ${error instanceof Error ? error.message : String(error)}`)
  })
  return model
}

async function keep(file: string, model: Uint8Array): Promise<void> {
  await writeAtomically(file, async ({ path }) => {
    const handle = await open(path, 'w')
    try {
      await handle.writeFile(checksumOf(model))
      await handle.writeFile(model)
    } finally {
      await handle.close()
    }
  })
}

/** @returns undefined where there is none that can be trusted */
async function readKept(file: string, talk: Talk): Promise<Uint8Array | undefined> {
  // Why it cannot be read is said when the model cannot be kept.
  const bytes = await readFile(file).catch(() => undefined)
  if (!bytes) return undefined
  const model = bytes.subarray(CHECKSUM_BYTES)
  if (checksumOf(model).equals(bytes.subarray(0, CHECKSUM_BYTES))) return model
  talk.warn(`The kept model ${file} is damaged: it is made anew`)
  return undefined
}

function checksumOf(model: Uint8Array): Buffer {
  return createHash('sha256').update(model).digest()
}
