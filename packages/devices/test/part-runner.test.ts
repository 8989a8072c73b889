import { describe, expect, it } from 'vitest'
import { PartRunner } from '../src/part-runner.js'

/** A device that has room for so many images. */
function deviceOf(room: number) {
  const seen: number[] = []
  return {
    seen,
    run: async (start: number, count: number) => {
      if (count > room) throw new Error('Failed to allocate memory for requested buffer of size 123')
      seen.push(count)
      return Array.from({ length: count }, (_, i) => start + i)
    },
  }
}

describe('PartRunner', () => {
  it('halves the batch until it fits, tells so, and stays there', async () => {
    const device = deviceOf(3)
    const limits: number[] = []
    const parts = new PartRunner(16, true, (limit) => limits.push(limit))
    expect((await parts.run(16, device.run)).flat()).toEqual(Array.from({ length: 16 }, (_, i) => i))
    expect(limits).toEqual([8, 4, 2])
    expect((await parts.run(5, device.run)).flat()).toEqual([0, 1, 2, 3, 4])
    expect(device.seen.every((count) => count <= 2)).toBe(true)
    expect(limits.length).toBe(3)
  })

  it('gives up where one image is too many, and at once where the batch is fixed or the error is another', async () => {
    const runner = (mayShrink: boolean) => new PartRunner(4, mayShrink, () => {})
    await expect(runner(true).run(4, deviceOf(0).run)).rejects.toThrow('allocate')
    await expect(runner(false).run(4, deviceOf(2).run)).rejects.toThrow('allocate')
    const broken = async () => {
      throw new Error('Invalid argument')
    }
    await expect(runner(true).run(4, broken)).rejects.toThrow('Invalid argument')
  })
})
