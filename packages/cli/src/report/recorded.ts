import { identityIn } from '@facekit/core'
import { withoutAppending } from '../extract/appending.js'

/**
 * What is known of how embeddings were made: the hash of the model, and the options that `extract` records in
 * `.facekit.json`. What cannot be read is not known.
 */
export async function recordedOf(folder: string): Promise<Map<string, string>> {
  const identity = await identityIn(folder, 'embeddings').catch(() => undefined)
  const [recorded] = withoutAppending(identity ?? {}, {})
  return new Map(
    Object.entries(recorded).map(([name, value]) => [name === 'the model' ? 'Model' : name, String(value)]),
  )
}
