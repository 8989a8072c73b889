import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { EdgeBatch } from '@facekit/core'
import { searchStopped } from '../errors.js'
import type { FaissReply, FaissRequest, FaissSetup } from './faiss-messages.js'

// Always the built file and no flags of this process: a thread starts plain Node, which reads no TypeScript.
const THREAD = new URL('../../dist/faiss/faiss-thread.js', import.meta.url)

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
  const worker = new Worker(THREAD, { workerData: setup, execArgv: [], name: 'facekit-search' })
  const say = (request: FaissRequest) => worker.postMessage(request)
  const exit = once(worker, 'exit')
  try {
    let rowsDone = 0
    while (rowsDone < rows && !signal.aborted) {
      say('next')
      const reply = await nextReply(worker)
      rowsDone = reply.rowsDone
      // FAISS computes both halves of the matrix; pairs are counted once.
      onProgress((rowsDone * (rows - 1)) / 2, (rows * (rows - 1)) / 2)
      if (reply.edges.source.length > 0) yield reply.edges
    }
  } finally {
    say('close')
    await exit.catch(() => {})
  }
}

async function nextReply(worker: Worker): Promise<Extract<FaissReply, { kind: 'edges' }>> {
  try {
    const [reply] = (await once(worker, 'message')) as [FaissReply]
    if (reply.kind === 'edges') return reply
    throw reply.error
  } catch (cause) {
    throw searchStopped(cause)
  }
}
