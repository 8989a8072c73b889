import { parentPort, workerData } from 'node:worker_threads'
import { Candidates } from './candidates.js'
import { EdgeSelector } from './edge-selector.js'
import { faissEngine } from './faiss-engine.js'
import type { SearchReply, SearchRequest, SearchSetup } from './search-messages.js'
import { similarityError } from './similarity.js'
import { tilesEngine } from './tiles-engine.js'

/** The thread that searches. FAISS and ONNX Runtime both block the thread that calls them. */
const { gallery, engine: engineName, threshold, topK, threads } = workerData as SearchSetup
const port = parentPort!

const engine = await (engineName === 'faiss' ? faissEngine(gallery, topK) : tilesEngine(gallery, threads))
const error = similarityError(gallery.dim)
const bound = threshold - error
const selector = new EdgeSelector(gallery, threshold, topK)
const candidates = Array.from({ length: engine.chunkRows }, () => new Candidates(topK - 1, error))
let rowsDone = 0

async function searchNextRows(): Promise<SearchReply> {
  const start = rowsDone
  const end = Math.min(gallery.rows, start + engine.chunkRows)
  for (const list of candidates) list.clear()
  await engine.search(start, end, bound, candidates)
  for (let row = start; row < end; row++) {
    const list = candidates[row - start]!
    list.prune()
    if (!gallery.unusable[row]) selector.addRow(row, list.rows)
  }
  rowsDone = end
  return { kind: 'edges', edges: selector.take(), rowsDone }
}

port.on('message', (_request: SearchRequest) => {
  searchNextRows().then(
    (reply) => port.postMessage(reply),
    (failure: unknown) => port.postMessage({ kind: 'failure', error: failure } satisfies SearchReply),
  )
})
