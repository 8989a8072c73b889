import { describe, expect, it } from 'vitest'
import { CODE_RANGES, exactCodeRange, multipliesExactly } from '../src/index.js'

describe('the range of codes', () => {
  it('is the widest that this processor multiplies exactly', async () => {
    const range = await exactCodeRange()
    expect(CODE_RANGES).toContainEqual(range)
    for (const wider of CODE_RANGES.slice(0, CODE_RANGES.indexOf(range!)))
      expect(await multipliesExactly(wider)).toBe(false)
  })

  it('is found to be too wide where the offset leaves 8 bits', async () => {
    expect(await multipliesExactly({ max: 127, zero: 200 })).toBe(false)
  })

  it.each(CODE_RANGES.filter(({ max }) => max < 127))(
    'of ±$max leaves room in 16 bits for two neighbouring products',
    async ({ max, zero }) => {
      expect((zero + max) * max * 2).toBeLessThan(2 ** 15)
      expect(await multipliesExactly({ max, zero })).toBe(true)
    },
  )
})
