import { OptionError } from '@facekit/core'
import { PROVIDERS, type DeviceWish } from '@facekit/devices'
import { DEVICE_DEFAULT } from './defaults.js'

/** Flags of commands that run on devices. */
export const DEVICE_FLAGS = {
  provider: {
    choices: PROVIDERS,
    default: DEVICE_DEFAULT.provider,
    describe: 'What to run on; auto: CUDA, else WebGPU where there is a GPU, else the CPU',
  },
  devices: {
    type: 'string',
    default: 'all',
    coerce: deviceIndices,
    describe: 'Devices of the provider: all, or numbers from 0 such as 0,1',
  },
  'use-gpu': { type: 'boolean', default: true, describe: 'Use the GPUs if there are any; no: the CPU' },
} as const

/** For `coerce`: `all` is undefined. */
function deviceIndices(value: string): number[] | undefined {
  if (value === 'all') return undefined
  const indices = value.split(',').map((text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : NaN))
  if (indices.some(Number.isNaN))
    throw new OptionError(`Expected all or numbers such as 0,1 for --devices but received ${value}`)
  return indices
}

/** @throws OptionError for a provider other than the CPU together with --no-use-gpu */
export function deviceWish(flags: {
  provider: DeviceWish['provider']
  devices: number[] | undefined
  useGpu: boolean
}): DeviceWish {
  const { provider, devices, useGpu } = flags
  if (useGpu) return { provider, indices: devices }
  if (provider === 'cuda' || provider === 'webgpu')
    throw new OptionError(`Expected --provider ${provider} or --no-use-gpu, not both`)
  return { provider: 'cpu' }
}
