import type { CodeRange } from '@facekit/devices'

const HIGHEST_BITS = 0x80808080 | 0

/**
 * Adds `zero` to codes in place, four of them to a word.
 *
 * @param words of int8 codes
 */
export function toUnsigned(words: Int32Array, { zero }: CodeRange): void {
  const zeros = Math.imul(0x01010101, zero)
  // Without their highest bits numbers do not carry into their neighbours; the highest bits are added by themselves.
  const low = ~HIGHEST_BITS
  for (let i = 0; i < words.length; i++) {
    const codes = words[i]!
    words[i] = ((codes & low) + (zeros & low)) ^ ((codes ^ zeros) & HIGHEST_BITS)
  }
}
