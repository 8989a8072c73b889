import { startThread, threadFile, type EdgeBatch } from '@facekit/core'
import { EdgeCollector } from '@facekit/edges'
import type { FaissService, FaissSetup } from './faiss-service.js'

const THREAD = threadFile(import.meta.url, './faiss-thread.js')

/**
 * All pairs at or above the threshold, by FAISS.
 *
 * @param signal ends the search; nothing is thrown
 */
export async function* searchFaiss(
  setup: FaissSetup,
  { memoryBytes, folder }: { memoryBytes: number; folder: string },
  onProgress: (pairsDone: number, pairs: number) => void,
  signal: AbortSignal,
): AsyncGenerator<EdgeBatch> {
  const { listLength, gallery } = setup
  const { rows } = gallery
  if (rows < 2 || listLength === 0) return
  const cutoffs = new Float32Array(rows).fill(-Infinity)
  const collector = new EdgeCollector({ rows, listLength, cutoffs, memoryBytes, folder })
  const thread = await startThread<FaissSetup, FaissService>(THREAD, setup, { name: 'facekit-search' })
  try {
    let rowsDone = 0
    while (rowsDone < rows && !signal.aborted) {
      const found = await thread.ask('next', [])
      rowsDone = found.rowsDone
      // FAISS computes both halves of the matrix; pairs are counted once.
      onProgress((rowsDone * (rows - 1)) / 2, (rows * (rows - 1)) / 2)
      await collector.add(found.pairs)
      await collector.removeReplaced()
    }
    if (!signal.aborted) yield* collector.edges()
  } finally {
    await thread.close()
    await collector.close(false)
  }
}
