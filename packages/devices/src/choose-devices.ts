import { OptionError, type Device, type Provider } from '@facekit/core'
import { cudaDevices, hasGraphicsHardware } from './adapters.js'
import { DeviceError } from './errors.js'
import { probe, type ProbeReply } from './probe.js'

/** What may be asked for; `auto` takes the first that works: CUDA, WebGPU where there is a GPU, the CPU. */
export const PROVIDERS = ['auto', 'cuda', 'webgpu', 'cpu'] as const

/** What to run on. */
export interface DeviceWish {
  provider: (typeof PROVIDERS)[number]
  /** Which devices of the provider, by index; one may stand there several times. All that there are if left out. */
  indices?: readonly number[] | undefined
}

/** What there is of what was wished. */
export interface ChosenDevices {
  /** All of one provider, at least one. */
  devices: Device[]
  /** What was taken, and why not the others, in one line. */
  reason: string
}

/** How devices are found; tests put others in their place. */
export interface DeviceProbes {
  /** Whether a device works, or why not. */
  probe: (device: Device) => Promise<ProbeReply>
  /** How many devices CUDA has, at least one. */
  cudaDevices: () => number
  /** Whether WebGPU would run on hardware. */
  hasGraphicsHardware: () => boolean
}

const PROBES: DeviceProbes = {
  probe,
  cudaDevices: () => cudaDevices(),
  hasGraphicsHardware: () => hasGraphicsHardware(),
}

/** What people call providers. */
export const PROVIDER_NAMES: Readonly<Record<Provider, string>> = {
  cuda: 'CUDA',
  webgpu: 'WebGPU',
  cpu: 'the CPU',
}

const FIXES: Readonly<Record<Provider, string>> = {
  cuda: 'Install the driver of the GPU and CUDA 12 with cuDNN 9, and run ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.',
  webgpu:
    'Install the driver of the GPU and, on Linux, the Vulkan loader (Debian: apt-get install libvulkan1).',
  cpu: 'Reinstall onnxruntime-node.',
}

/**
 * `auto` tries CUDA, then WebGPU where there is hardware for it, then takes the CPU. A provider that is asked for must
 * start.
 *
 * @throws DeviceError `PROVIDER` where it does not, with the fix
 * @throws OptionError for indices of devices that are not there
 */
export async function chooseDevices(
  { provider, indices }: DeviceWish,
  probes: DeviceProbes = PROBES,
): Promise<ChosenDevices> {
  if (provider === 'cpu') {
    if (indices?.some((index) => index !== 0))
      throw new OptionError(`Expected no --devices but 0 for the CPU but received ${indices.join(',')}`)
    return { devices: [{ provider, index: 0 }], reason: 'on the CPU, as asked' }
  }
  if (provider !== 'auto') {
    const reply = await probes.probe({ provider, index: indices?.[0] ?? 0 })
    if (!reply.works) {
      throw new DeviceError(
        `Expected ${PROVIDER_NAMES[provider]} to start but it does not: ${reply.reason}. ${FIXES[provider]} Or take --provider cpu.`,
      )
    }
    return chosen(provider, indices, probes, 'as asked')
  }
  const why: string[] = []
  for (const candidate of ['cuda', 'webgpu'] as const) {
    const reply: ProbeReply =
      candidate === 'webgpu' && !probes.hasGraphicsHardware()
        ? { works: false, reason: 'no hardware for it' }
        : await probes.probe({ provider: candidate, index: 0 })
    if (reply.works) return chosen(candidate, indices, probes, why.join('; '))
    why.push(`no ${PROVIDER_NAMES[candidate]}: ${reply.reason}`)
  }
  return { devices: [{ provider: 'cpu', index: 0 }], reason: `on the CPU (${why.join('; ')})` }
}

function chosen(
  provider: Exclude<Provider, 'cpu'>,
  indices: readonly number[] | undefined,
  { cudaDevices: count }: DeviceProbes,
  why: string,
): ChosenDevices {
  // WebGPU has one adapter: the one that the system prefers.
  const there = provider === 'cuda' ? count() : 1
  const wanted = indices ?? Array.from({ length: there }, (_, index) => index)
  const missing = wanted.find((index) => index >= there)
  if (missing !== undefined || wanted.length === 0) {
    throw new OptionError(
      `Expected --devices ${there === 1 ? '0' : `from 0 to ${there - 1}`} for ${PROVIDER_NAMES[provider]}, which has ${there}, but received ${wanted.join(',')}`,
    )
  }
  return {
    devices: wanted.map((index) => ({ provider, index })),
    reason: `on ${PROVIDER_NAMES[provider]}, device${wanted.length > 1 ? 's' : ''} ${wanted.join(', ')}${why ? ` (${why})` : ''}`,
  }
}
