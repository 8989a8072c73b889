/** How an output position of one axis is made of input positions. */
interface Taps {
  first: number
  weights: number[]
}

/**
 * Enlarges a picture as PIL's bilinear filter does: a triangle of one input pixel to either side, rounded to 8 bits
 * after the horizontal and after the vertical pass. An axis that has its size already is left as it is.
 *
 * @param pixels height × width × 3 uint8
 * @returns toHeight × toWidth × 3 uint8
 */
export function enlarge(
  pixels: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  const wide = width === toWidth ? pixels : enlargeAxis(pixels, height, width, toWidth, 3)
  return height === toHeight ? wide : enlargeAxis(wide, 1, height, toHeight, toWidth * 3)
}

/** Enlarges the middle axis of outer × size × inner to outer × toSize × inner. */
function enlargeAxis(
  from: Uint8Array,
  outer: number,
  size: number,
  toSize: number,
  inner: number,
): Uint8Array {
  const to = new Uint8Array(outer * toSize * inner)
  const taps = Array.from({ length: toSize }, (_, i) => tapsAt(i, size, toSize))
  let at = 0
  for (let o = 0; o < outer; o++) {
    for (const { first, weights } of taps) {
      const start = (o * size + first) * inner
      for (let i = 0; i < inner; i++) {
        let sum = 0.5
        for (let t = 0; t < weights.length; t++) sum += weights[t]! * from[start + t * inner + i]!
        to[at++] = sum
      }
    }
  }
  return to
}

function tapsAt(position: number, size: number, toSize: number): Taps {
  const centre = ((position + 0.5) * size) / toSize
  const first = Math.max(0, Math.floor(centre - 0.5))
  const last = Math.min(size, Math.floor(centre + 1.5))
  const triangle = Array.from({ length: last - first }, (_, i) => 1 - Math.abs(first + i + 0.5 - centre))
  const positive = triangle.map((weight) => Math.max(0, weight))
  const total = positive.reduce((sum, weight) => sum + weight, 0)
  return { first, weights: positive.map((weight) => weight / total) }
}
