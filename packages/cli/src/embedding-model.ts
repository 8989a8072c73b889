import { FacekitError, modelDifferences, readEmbeddingRuns, type EmbeddingModel } from '@facekit/core'
import { namesOf, type FileSet } from '@facekit/io-npy'
import { listed } from './said-of-output.js'
import type { Talk } from './talk.js'

/**
 * The model that made a set, if that is recorded. Files that no run made are named.
 *
 * @throws FacekitError `MODELS_MIXED` where several did; what `readEmbeddingRuns` throws
 */
export async function modelOf(set: FileSet, talk: Talk): Promise<EmbeddingModel | null> {
  const { folder } = set
  const made = await readEmbeddingRuns(folder)
  const [first, ...others] = made?.runs ?? []
  if (!made || !first) return null
  for (const run of others) {
    const differences = modelDifferences(first, run)
    if (differences.length === 0) continue
    throw new FacekitError(
      'MODELS_MIXED',
      `Expected the embeddings in ${folder} to be of one model but for those of ${run.input} ${differences.join('; ')}: their cosines mean nothing. Make one set for each model.`,
    )
  }
  const known = new Set(made.files)
  const unknown = namesOf(set).filter((name) => !known.has(name))
  if (unknown.length > 0) {
    talk.warn(`No run that is recorded in ${folder} made ${listed(unknown)}: they may be of another model`)
  }
  return first.model
}
