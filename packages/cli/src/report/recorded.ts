import { identityIn } from '@facekit/core'

/**
 * What is known of how embeddings were made: the hash of the model, and the options that `extract` records in
 * `.facekit.json`. What cannot be read is not known.
 */
export async function recordedOf(folder: string): Promise<Map<string, string>> {
  const identity = await identityIn(folder, 'embeddings').catch(() => undefined)
  return new Map(
    Object.entries(identity ?? {}).map(([name, value]) => [
      name === 'the model' ? 'Model' : name,
      String(value),
    ]),
  )
}
