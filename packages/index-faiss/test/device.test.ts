import { existsSync } from 'node:fs'
import type { Device } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

/** Vulkan on the CPU, of Debian's package chromium-common. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const isThere = existsSync(SWIFTSHADER)
if (process.env.CI && !isThere) throw new Error('CI tests WebGPU: install chromium-common and libvulkan1')
process.env['VK_DRIVER_FILES'] = SWIFTSHADER
process.env['VK_ICD_FILENAMES'] = SWIFTSHADER

const GPU: Device = { provider: 'webgpu', index: 0 }

describe.skipIf(!isThere)('the search on WebGPU', () => {
  const random = seededRandom(21)
  // Several tiles, the last one not full; a dim that no kernel likes.
  const rows = normalRows(random, 700, 70, { perIdentity: 5, spread: 0.7 })
  rows.forEach((row, i) => {
    if (i % 90 === 7) row.fill(0)
    else if (i % 90 === 11) row.set(rows[i - 11]!)
    else if (i % 90 === 13) row[5] = Infinity
    else if (i % 90 === 17) row[3] = 100
  })

  it.each([
    ['one shard', [GPU]],
    ['two shards', [GPU, GPU]],
    ['more shards than it has tiles', Array.from({ length: 9 }, () => GPU)],
  ])(
    'in %s finds what brute force finds',
    async (_name, devices) => {
      for (const [threshold, topK] of [
        [0.6, 100],
        [0.75, 3],
        [0.75, Infinity],
      ] as const) {
        const sharded: number[] = []
        const warnings: string[] = []
        const found = await findEdges(galleryOf(rows, 70), {
          threshold,
          topK,
          devices,
          onSharded: (count) => sharded.push(count),
          onWarning: (text) => warnings.push(text),
        })
        expect(found).toEqual(bruteForceEdges(rows, threshold, topK))
        expect(found.length).toBeGreaterThan(50)
        expect([sharded, warnings]).toEqual([[1], []])
      }
    },
    120_000,
  )

  it('of rows whose products float32 rounds finds what brute force finds', async () => {
    const wide = normalRows(random, 260, 1100, { perIdentity: 4, spread: 0.6 })
    const found = await findEdges(galleryOf(wide, 1100), { threshold: 0.73, topK: 100, devices: [GPU, GPU] })
    expect(found).toEqual(bruteForceEdges(wide, 0.73, 100))
  }, 120_000)

  it('computes tiles of similar rows on the host', async () => {
    // Sparse as a whole: one crowd of 150 in 900 rows.
    const crowd = normalRows(random, 150, 64, { perIdentity: 150, spread: 0.3 })
    const mixed = [...normalRows(random, 750, 64, { perIdentity: 1, spread: 1 }), ...crowd]
    const found = await findEdges(galleryOf(mixed, 64), { threshold: 0.6, topK: 20, devices: [GPU] })
    expect(found).toEqual(bruteForceEdges(mixed, 0.6, 20))
  }, 120_000)

  it('leaves data where everything is like everything to the CPU, and says so', async () => {
    const alike = normalRows(random, 1100, 16, { perIdentity: 1100, spread: 0.2 })
    const warnings: string[] = []
    const found = await findEdges(galleryOf(alike, 16), {
      threshold: 0.5,
      topK: 5,
      devices: [GPU],
      onWarning: (text) => warnings.push(text),
      onSharded: () => warnings.push('sharded'),
    })
    expect(found).toEqual(bruteForceEdges(alike, 0.5, 5))
    expect(warnings).toEqual(['Searching on the CPU: too many pairs are near the threshold'])
  }, 120_000)
})

describe('a device that does not start', () => {
  const rows = normalRows(seededRandom(3), 40, 16, { perIdentity: 4, spread: 0.4 })
  const options = { threshold: 0.7, topK: 10, devices: [{ provider: 'cuda', index: 99 }] as const }

  it('is an error', async () => {
    await expect(findEdges(galleryOf(rows, 16), options)).rejects.toMatchObject({
      code: 'DEVICE',
      message: expect.stringMatching(/CUDA device 99 .*Take more devices or the CPU/),
    })
  })

  it('is replaced by the CPU where that is allowed, with a warning', async () => {
    const warnings: string[] = []
    const found = await findEdges(galleryOf(rows, 16), {
      ...options,
      mayFallBack: true,
      onWarning: (text) => warnings.push(text),
    })
    expect(found).toEqual(bruteForceEdges(rows, 0.7, 10))
    expect(warnings).toEqual([expect.stringMatching(/^Searching on the CPU: CUDA device 99 /)])
  })
})
