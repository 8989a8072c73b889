import { Float16Array } from '@petamoriken/float16'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { toFloat16 } from '../src/float16.js'

/** What a kept library gives, as bits, all NaNs being one. */
function expected(values: Float32Array): Uint16Array {
  return oneNaN(new Uint16Array(new Float16Array(values).buffer))
}

function oneNaN(halves: Uint16Array): Uint16Array {
  return halves.map((bits) => ((bits & 0x7fff) > 0x7c00 ? 0x7e00 : bits))
}

function fromWords(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer)
}

describe('toFloat16', () => {
  it('gives every float16 back, and rounds as it should beside each and halfway to the next', () => {
    const every = Float32Array.from(new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer))
    expect(oneNaN(toFloat16(every))).toEqual(expected(every))
    // Up to 65520, from where on all is Infinity, and down to -65520.
    const ties = every.map((value, i) => {
      const next = i % 0x8000 === 0x7bff ? Math.sign(value) * 65536 : every[i + 1]!
      return (value + next) / 2
    })
    const words = new Uint32Array(ties.buffer)
    for (const beside of [-1, 0, 1]) {
      const values = fromWords(words.map((word) => word + beside))
      expect(oneNaN(toFloat16(values))).toEqual(expected(values))
    }
  })

  it('knows what no float16 is near to', () => {
    const values = Float32Array.of(
      0,
      -0,
      Infinity,
      -Infinity,
      NaN,
      1e-45,
      -1e-45,
      1e-38,
      3.4e38,
      65519,
      65520,
      -7e4,
    )
    expect(oneNaN(toFloat16(values))).toEqual(expected(values))
  })

  it('takes a part of a buffer', () => {
    expect([...toFloat16(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000])
  })

  it('agrees on any bits', () => {
    const random = seededRandom(3)
    for (let round = 0; round < rounds(1, 40); round++) {
      const values = fromWords(Uint32Array.from({ length: 2e5 }, () => random() * 2 ** 32))
      const halves = expected(values)
      expect(oneNaN(toFloat16(values)).findIndex((bits, i) => bits !== halves[i])).toBe(-1)
    }
  })
})
