import type { Device } from '@facekit/core'

/** What tells `InferenceSession.create` of onnxruntime-node where to run. Its own types need those of a browser. */
export interface DeviceSessionOptions {
  executionProviders: ('cpu' | 'webgpu' | { name: 'cuda'; deviceId: number })[]
  extra?: { session: { disable_cpu_ep_fallback: '1' } }
}

/**
 * What makes a session run on a device, all of it: by default ONNX Runtime puts operators that a provider lacks on the
 * CPU and says nothing. A session that cannot be made so is an error.
 *
 * All WebGPU sessions of a process share one context that no two threads may use at once: keep them in one thread.
 */
export function sessionOptions({ provider, index }: Device): DeviceSessionOptions {
  if (provider === 'cpu') return { executionProviders: ['cpu'] }
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId: index } : 'webgpu'],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  }
}
