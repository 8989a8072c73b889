import { Worker } from 'node:worker_threads'
import type { Device } from '@facekit/core'
import { cudaLibrary } from './cuda-library.js'

export type ProbeReply = { works: true } | { works: false; reason: string }

/** A provider that has said nothing by then hangs in its driver. */
const TIMEOUT_MS = 4500

// Always the built file and no flags of this process: a thread starts plain Node, which reads no TypeScript.
const THREAD = new URL('../dist/probe-thread.js', import.meta.url)

/** Whether a device multiplies a matrix, or why not. */
export async function probe(device: Device): Promise<ProbeReply> {
  if (device.provider === 'cuda' && !cudaLibrary())
    return { works: false, reason: 'onnxruntime-node is installed without its CUDA library' }
  const worker = new Worker(THREAD, { workerData: device, execArgv: [], name: 'facekit-probe' })
  let timer: NodeJS.Timeout | undefined
  const reply = await new Promise<ProbeReply>((resolve) => {
    const no = (reason: string) => resolve({ works: false, reason })
    worker.once('message', resolve)
    worker.once('error', (error) => no(error.message))
    worker.once('exit', () => no('its thread ended'))
    timer = setTimeout(() => no(`it did not answer within ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS)
  })
  clearTimeout(timer)
  // One that hangs is left behind: ending it inside its driver could end the process.
  worker.unref()
  return reply.works ? reply : { works: false, reason: gist(reply.reason) }
}

/** The first line, without ONNX Runtime's place in its own sources and the condition that failed there. */
function gist(reason: string): string {
  return reason
    .split('\n')[0]!
    .replace(/^.* was false\.\s*/, '')
    .trim()
}
