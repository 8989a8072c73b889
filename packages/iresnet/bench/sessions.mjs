import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const ERRORS_ONLY = 3

/**
 * Sessions of one thread each, one per core.
 *
 * @param {Uint8Array} model
 */
export async function startSessions(model, count = availableParallelism()) {
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL(import.meta.url), { workerData: model }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return {
    count,
    /**
     * Gives the same data to every input of every session, and waits for all.
     *
     * @param {Uint8Array | Float32Array} data
     * @param {number[]} shape
     * @returns {Promise<Float32Array>} what the first session gave
     */
    async run(data, shape) {
      for (const worker of workers) worker.postMessage({ data, shape })
      const replies = await Promise.all(workers.map((worker) => once(worker, 'message')))
      return replies[0][0]
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

if (!isMainThread) {
  const session = await InferenceSession.create(workerData, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: ERRORS_ONLY,
  })
  parentPort?.on('message', async ({ data, shape }) => {
    const tensor = new Tensor(data instanceof Uint8Array ? 'uint8' : 'float32', data, shape)
    const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, tensor])))
    parentPort?.postMessage(results[session.outputNames[0] ?? '']?.data)
  })
  parentPort?.postMessage('ready')
}
