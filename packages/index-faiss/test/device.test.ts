import type { Device } from '@facekit/core'
import { seededRandom, softwareVulkan } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { searchNeighbors } from '../src/index.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

const vulkan = softwareVulkan()
Object.assign(process.env, vulkan)

const GPU: Device = { provider: 'webgpu', index: 0 }

describe.skipIf(!vulkan)('the search on WebGPU', () => {
  const random = seededRandom(21)
  // Several tiles, the last one not full; a dim that no kernel likes.
  const rows = normalRows(random, 420, 70, { perIdentity: 5, spread: 0.7 })
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
    const wide = normalRows(random, 200, 1100, { perIdentity: 4, spread: 0.6 })
    const found = await findEdges(galleryOf(wide, 1100), { threshold: 0.73, topK: 100, devices: [GPU, GPU] })
    expect(found).toEqual(bruteForceEdges(wide, 0.73, 100))
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
    expect(warnings).toEqual(['Searching on the CPU: the bounds of 8-bit codes rule out too little'])
  }, 120_000)
})

it('takes devices of one provider', () => {
  const devices = [GPU, { provider: 'cuda', index: 0 } as const]
  expect(() => searchNeighbors(galleryOf([], 4), { threshold: 0.5, topK: 2, devices })).toThrow(
    /one provider but received webgpu and cuda/,
  )
})

describe('a device that does not start', () => {
  const rows = normalRows(seededRandom(3), 40, 16, { perIdentity: 4, spread: 0.4 })
  const options = { threshold: 0.7, topK: 10, devices: [{ provider: 'cuda', index: 99 }] as const }

  it('is an error', async () => {
    await expect(findEdges(galleryOf(rows, 16), options)).rejects.toMatchObject({
      code: 'DEVICE',
      message: expect.stringMatching(/CUDA device 99 .*Take more of them, or the CPU/),
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
