import { parentPort, workerData } from 'node:worker_threads'
import { EdgeSelector } from '../edges/edge-selector.js'
import { FloatRows } from '../gallery/float-rows.js'
import { similarity, similarityError } from '../similarity.js'
import { Candidates } from './candidates.js'
import { faissEngine } from './faiss-engine.js'
import type { FaissReply, FaissRequest, FaissSetup } from './faiss-messages.js'

/** The thread that FAISS searches in: it blocks the thread that calls it. */
const { gallery, threshold, listLength } = workerData as FaissSetup
const { lengths, unusable } = gallery
const port = parentPort!

const engine = await faissEngine(gallery, listLength)
const error = similarityError(gallery.dim)
const selector = new EdgeSelector(gallery.rows, listLength)
const embeddings = new FloatRows(gallery)
const candidates = Array.from({ length: engine.chunkRows }, () => new Candidates(listLength, error))
let rowsDone = 0

function searchNextRows(): FaissReply {
  const start = rowsDone
  const end = Math.min(gallery.rows, start + engine.chunkRows)
  for (const list of candidates) list.clear()
  engine.search(start, end, threshold - error, candidates)
  for (let row = start; row < end; row++) {
    const list = candidates[row - start]!
    list.prune()
    if (unusable[row]) continue
    const neighbors = Array.from(list.rows, (other) => ({
      row: other,
      similarity: similarity(embeddings.get(row), embeddings.get(other), lengths[row]! * lengths[other]!),
    }))
    selector.addRow(
      row,
      neighbors.filter((neighbor) => neighbor.similarity >= threshold),
    )
  }
  rowsDone = end
  return { kind: 'edges', edges: selector.take(), rowsDone }
}

port.on('message', (request: FaissRequest) => {
  if (request === 'close') {
    embeddings.close()
    port.close()
    return
  }
  try {
    port.postMessage(searchNextRows())
  } catch (failure) {
    port.postMessage({ kind: 'failure', error: failure } satisfies FaissReply)
  }
})
