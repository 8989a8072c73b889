import { existsSync, readdirSync } from 'node:fs'

/** What tells of a GPU that is there, apart from whether a provider starts on it. */
export interface SystemView {
  platform: NodeJS.Platform
  env: Readonly<Record<string, string | undefined>>
  /** Names in a folder; none where it does not exist. */
  list: (folder: string) => string[]
}

export const SYSTEM: SystemView = {
  platform: process.platform,
  env: process.env,
  list: (folder) => (existsSync(folder) ? readdirSync(folder) : []),
}

/** Drivers of Vulkan that compute on the CPU. */
const SOFTWARE = /swiftshader|lavapipe|lvp_icd|llvmpipe/i

/**
 * Whether WebGPU would run on hardware. A software adapter runs too, many times slower than the CPU provider, and is
 * not told apart by ONNX Runtime: devices of the system and Vulkan's own variables do that.
 */
export function hasGraphicsHardware({ platform, env, list }: SystemView = SYSTEM): boolean {
  // Windows and macOS have an adapter wherever they have a screen.
  if (platform !== 'linux') return true
  if (SOFTWARE.test(`${env['VK_DRIVER_FILES'] ?? ''} ${env['VK_ICD_FILENAMES'] ?? ''}`)) return false
  const isAdapter = (name: string) => /^(nvidia\d+|dxg)$/.test(name)
  return list('/dev').some(isAdapter) || list('/dev/dri').some((name) => name.startsWith('renderD'))
}

/** Devices of CUDA, as the driver lists them; 1 where it does not say. */
export function cudaDevices({ env, list }: SystemView = SYSTEM): number {
  const visible = env['CUDA_VISIBLE_DEVICES']
  if (visible !== undefined && visible !== '') return visible.split(',').length
  return Math.max(1, list('/proc/driver/nvidia/gpus').length)
}
