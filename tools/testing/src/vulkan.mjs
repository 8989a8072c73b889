import { existsSync } from 'node:fs'

/** SwiftShader, of Debian's package chromium-common. */
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json'

/**
 * Variables with which WebGPU runs on the CPU, many times slower than the CPU provider. A process reads them when it
 * first uses WebGPU.
 *
 * @returns {Record<string, string> | undefined} undefined where the driver is not installed
 * @throws Error in CI where it is not
 */
export function softwareVulkan() {
  if (existsSync(DRIVER)) return { VK_DRIVER_FILES: DRIVER, VK_ICD_FILENAMES: DRIVER }
  if (process.env.CI) throw new Error('CI tests WebGPU: install chromium-common and libvulkan1')
  return undefined
}
