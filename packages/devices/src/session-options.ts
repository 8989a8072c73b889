import type { Device } from '@facekit/core'
import type { InferenceSession } from 'onnxruntime-node'

/**
 * What makes a session run on a device, all of it: by default ONNX Runtime puts operators that a provider lacks on the
 * CPU and says nothing. A session that cannot be made so is an error.
 *
 * All WebGPU sessions of a process share one context that no two threads may use at once: keep them in one thread.
 */
export function sessionOptions({
  provider,
  index,
}: Device): Pick<InferenceSession.SessionOptions, 'executionProviders' | 'extra'> {
  if (provider === 'cpu') return { executionProviders: ['cpu'] }
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId: index } : 'webgpu'],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  }
}
