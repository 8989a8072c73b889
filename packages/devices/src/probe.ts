import { setTimeout as delay } from 'node:timers/promises'
import { startThread, threadFile, type Device } from '@facekit/core'
import { cudaLibrary } from './cuda-library.js'

/** Whether a device works, and why not. */
export type ProbeReply = { works: true } | { works: false; reason: string }

/** A provider that has said nothing by then hangs in its driver. */
const TIMEOUT_MS = 4500

const THREAD = threadFile(import.meta.url, './probe-thread.js')

/** Whether a device multiplies a matrix, or why not. */
export async function probe(device: Device): Promise<ProbeReply> {
  if (device.provider === 'cuda' && !cudaLibrary())
    return { works: false, reason: 'onnxruntime-node is installed without its CUDA library' }
  const timeout = new AbortController()
  const no = (reason: string): ProbeReply => ({ works: false, reason })
  try {
    return await Promise.race([
      // One that hangs is left behind: ending it inside its driver could end the process.
      tryInThread(device).then(
        (): ProbeReply => ({ works: true }),
        (error: Error) => no(gist(error.message)),
      ),
      delay(TIMEOUT_MS, no(`it did not answer within ${TIMEOUT_MS / 1000} s`), { signal: timeout.signal }),
    ])
  } finally {
    timeout.abort()
  }
}

async function tryInThread(device: Device): Promise<void> {
  const thread = await startThread(THREAD, device, { name: 'facekit-probe', mayBeLeft: true })
  await thread.close()
}

/** The first line, without ONNX Runtime's place in its own sources and the condition that failed there. */
function gist(reason: string): string {
  return reason
    .split('\n')[0]!
    .replace(/^.* was false\.\s*/, '')
    .trim()
}
