import { startThread, threadFile, type EdgeBatch } from '@facekit/core'
import type { FaissService, FaissSetup } from './faiss-service.js'

const THREAD = threadFile(import.meta.url, './faiss-thread.js')

/**
 * All pairs at or above the threshold, by FAISS.
 *
 * @param signal ends the search; nothing is thrown
 */
export async function* searchFaiss(
  setup: FaissSetup,
  onProgress: (pairsDone: number, pairs: number) => void,
  signal: AbortSignal,
): AsyncGenerator<EdgeBatch> {
  const { rows } = setup.gallery
  if (rows < 2) return
  const thread = await startThread<FaissSetup, FaissService>(THREAD, setup, { name: 'facekit-search' })
  try {
    let rowsDone = 0
    while (rowsDone < rows && !signal.aborted) {
      const found = await thread.ask('next', [])
      rowsDone = found.rowsDone
      // FAISS computes both halves of the matrix; pairs are counted once.
      onProgress((rowsDone * (rows - 1)) / 2, (rows * (rows - 1)) / 2)
      if (found.edges.source.length > 0) yield found.edges
    }
  } finally {
    await thread.close()
  }
}
