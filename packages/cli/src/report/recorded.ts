import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identityIn } from '@facekit/core'

/** Of what a run says of itself, what a report shows, by the words it has there. */
const SHOWN: Readonly<Record<string, string>> = {
  model: 'Model',
  weights: 'Weights',
  command: 'Command',
  facekit: 'facekit',
  startedAt: 'Made',
  seconds: 'Seconds',
}

/**
 * What is known of how embeddings were made: what `run.json` beside them says, and the options that `extract` records
 * in `.facekit.json`, the hash of the model among them. What cannot be read is not known.
 */
export async function recordedOf(folder: string): Promise<Map<string, string>> {
  const known = new Map<string, string>()
  const run = await readRun(join(folder, 'run.json'))
  for (const [name, shown] of Object.entries(SHOWN)) {
    const value = run[name]
    if (typeof value === 'string' || typeof value === 'number') known.set(shown, String(value))
    if (Array.isArray(value)) known.set(shown, value.join(' '))
  }
  const identity = await identityIn(folder, 'embeddings').catch(() => undefined)
  for (const [name, value] of Object.entries(identity ?? {})) known.set(name, String(value))
  return known
}

async function readRun(file: string): Promise<Record<string, unknown>> {
  try {
    return Object(JSON.parse(await readFile(file, 'utf8'))) as Record<string, unknown>
  } catch {
    return {}
  }
}
