import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { softwareVulkan } from '@facekit/testing'
import { describe, expect, it } from 'vitest'

const CHECK = fileURLToPath(new URL('../src/check.mjs', import.meta.url))
const vulkan = softwareVulkan()

describe.skipIf(!vulkan)('gpu-check', () => {
  it('finds the results of a software adapter right, and measures', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [CHECK, '--provider', 'webgpu', '--size', 'small'],
      {
        encoding: 'utf8',
        env: { ...process.env, ...vulkan },
      },
    )
    expect(status, stdout + stderr).toBe(0)
    for (const line of [
      /on WebGPU, device 0/,
      /products of 128: .* TFLOP\/s/,
      /as asked: 1\d\d\d edges, the same as on the CPU/,
      /two shards a device: 1\d\d\d edges, the same as on the CPU/,
      /Search of 700 × 64: .* of the peak/,
      /tiny, fp32: .* images\/s/,
      /tiny ir-se, fp32: .* images\/s/,
      /All results are right/,
    ])
      expect(stdout).toMatch(line)
  }, 180_000)
})
