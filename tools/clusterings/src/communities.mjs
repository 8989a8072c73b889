import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calibrate, detectCommunities } from '@facekit/graph'
import { cluster, findEdges } from './search.mjs'

/** As the program has it where nothing is given. */
const TOP_K = 100
const CALIBRATION = { pairs: 2_000_000, seed: 1 }
/** How far the threshold is moved, to see how much hangs on it. */
const OFFSETS = [0, -0.04, 0.04]
const MEMORY_BYTES = 2 ** 31

/**
 * Communities at the threshold that is told by the embeddings alone, and beside it.
 *
 * @param {import('./data-sets.mjs').DataSet} dataSet
 * @param {readonly number[]} offsets of the threshold
 */
export async function* communities({ rows, dim, embeddings, ...rest }, offsets = OFFSETS) {
  /** @type {import('@facekit/core').EmbeddingReader} */
  const reader = {
    rows,
    dim,
    readUnits: (start, end, into) => into.set(embeddings.subarray(start * dim, end * dim)),
  }
  const { threshold: calibrated } = await calibrate(reader, CALIBRATION)
  const thresholds = offsets.map((offset) => calibrated + offset)
  const edges = await findEdges(
    { rows, dim, embeddings, ...rest },
    { threshold: Math.min(...thresholds), topK: TOP_K },
  )
  const scratchFolder = await mkdtemp(join(tmpdir(), 'facekit-clusterings-'))
  try {
    for (const threshold of thresholds) {
      const stage = detectCommunities({
        rows,
        duplicateThreshold: undefined,
        threshold,
        again: async function* () {
          yield* edges
        },
        embeddings: reader,
        excluded: new Uint32Array(0),
        memoryBytes: MEMORY_BYTES,
        scratchFolder,
      })
      const { classOf, sizes } = await cluster(edges, stage)
      const name = `communities at ${threshold.toFixed(3)}${threshold === calibrated ? ', calibrated' : ''}`
      yield { name, classes: sizes.length, classOf }
    }
  } finally {
    await rm(scratchFolder, { recursive: true })
  }
}
