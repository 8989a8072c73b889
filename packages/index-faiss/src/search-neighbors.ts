import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { checkCosine, checkPositiveInteger, type EdgeBatch } from '@facekit/core'
import type { Engine } from './choose-engine.js'
import { SearchError } from './errors.js'
import type { Gallery } from './gallery.js'
import type { SearchReply, SearchSetup } from './search-messages.js'

export interface SearchOptions {
  engine: Engine
  /** Cosine at or above which two rows are an edge. */
  threshold: number
  /** Neighbors per row, the row itself counted; an edge exists if either end has the other among its topK. */
  topK: number
  /** Threads of the search; the cores of the machine if left out. FAISS follows OMP_NUM_THREADS instead. */
  threads?: number
  /** Called as rows are done. */
  onProgress?: (rowsDone: number) => void
}

// Always the built file and no flags of this process, also where a test runner runs `src`: a thread starts plain Node,
// which reads no TypeScript.
const WORKER = new URL('../dist/search-worker.js', import.meta.url)

/**
 * All pairs of rows at or above a threshold, by exact search, as `EdgeBatch`es of ascending source rows' chunks. Every
 * pair comes once. Both engines give the same edges: ties at the end of a topK list go to the smaller row, and every
 * cosine is computed in the same way whatever found it.
 *
 * @returns Readable of `EdgeBatch`; it fails with SearchError `SEARCH`
 * @throws OptionError
 */
export function searchNeighbors(gallery: Gallery, options: SearchOptions): Readable {
  const setup: SearchSetup = {
    gallery: gallery.data,
    engine: options.engine,
    threshold: checkCosine('threshold', options.threshold),
    topK: checkPositiveInteger('topK', options.topK),
    threads: checkPositiveInteger('threads', options.threads ?? availableParallelism()),
  }
  return Readable.from(searchRows(setup, options.onProgress ?? (() => {})), {
    objectMode: true,
    highWaterMark: 1,
  })
}

async function* searchRows(
  setup: SearchSetup,
  onProgress: (rowsDone: number) => void,
): AsyncGenerator<EdgeBatch> {
  if (setup.gallery.rows === 0) return
  const worker = new Worker(WORKER, { workerData: setup, execArgv: [], name: 'facekit-search' })
  try {
    let rowsDone = 0
    while (rowsDone < setup.gallery.rows) {
      worker.postMessage('next')
      const reply = await nextReply(worker)
      rowsDone = reply.rowsDone
      onProgress(rowsDone)
      if (reply.edges.source.length > 0) yield reply.edges
    }
  } finally {
    await worker.terminate()
  }
}

async function nextReply(worker: Worker): Promise<Extract<SearchReply, { kind: 'edges' }>> {
  try {
    const [reply] = (await once(worker, 'message')) as [SearchReply]
    if (reply.kind === 'edges') return reply
    throw reply.error
  } catch (cause) {
    throw new SearchError(
      'SEARCH',
      `The search stopped: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    )
  }
}
