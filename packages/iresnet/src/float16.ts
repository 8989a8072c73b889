/** float32 numbers from here on are Infinity as float16: halfway between 65504 and the number that would come next. */
const OVERFLOW = 0x477f_f000
/** 2⁻¹⁴, the smallest float16 that is not subnormal. */
const NORMAL = 0x3880_0000
const INFINITY = 0x7f80_0000

/**
 * The bits of the nearest float16 of each number, ties to even: tens of times as fast as any that knows only numbers.
 *
 * @returns as many uint16
 */
export function toFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < halves.length; i++) {
    const word = words[i]!
    halves[i] = ((word >>> 16) & 0x8000) | halfOf(word & 0x7fff_ffff)
  }
  return halves
}

/** @param word the bits of a float32 without its sign */
function halfOf(word: number): number {
  if (word > INFINITY) return 0x7e00
  if (word >= OVERFLOW) return 0x7c00
  // The exponent counts from -15 instead of -127; rounding up may carry into it, which is right.
  if (word >= NORMAL) return roundedShift(word - (112 << 23), 13)
  const shift = 126 - (word >>> 23)
  // Below a quarter of the smallest subnormal.
  if (shift > 25) return 0
  return roundedShift((word & 0x7f_ffff) | 0x80_0000, shift)
}

/** value / 2^bits, rounded, ties to even. */
function roundedShift(value: number, bits: number): number {
  const kept = value >>> bits
  return (value + (1 << (bits - 1)) - 1 + (kept & 1)) >>> bits
}
