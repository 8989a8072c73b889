const END_OF_ROW = 0
const END_OF_PICTURE = 1
const MOVE = 2

/**
 * Unpacks the runs of a compressed BMP to a byte a pixel. What a row has too much is passed over; pixels that no run
 * reaches are of colour 0.
 *
 * @param bits of a pixel in `bytes`
 * @returns height × width uint8, colours of the palette, rows in the order of the file; undefined where the bytes end
 *   before the last row does
 */
export function unpackRuns(
  bytes: Buffer,
  start: number,
  bits: 4 | 8,
  width: number,
  height: number,
): Buffer | undefined {
  const pixels = Buffer.alloc(width * height)
  let at = start
  let x = 0
  let y = 0
  // A file whose end is not marked is whole as well, when its last row is.
  while (y < height && !(y === height - 1 && x >= width)) {
    if (at + 2 > bytes.length) return undefined
    const count = bytes[at]!
    const value = bytes[at + 1]!
    at += 2
    if (count > 0) {
      for (let i = 0; i < count && x < width; i++, x++) pixels[y * width + x] = colourAt(value, i, bits)
    } else if (value === END_OF_ROW) {
      x = 0
      y++
    } else if (value === END_OF_PICTURE) {
      break
    } else if (value === MOVE) {
      if (at + 2 > bytes.length) return undefined
      x += bytes[at]!
      y += bytes[at + 1]!
      at += 2
    } else {
      // As many pixels one by one, filled up to an even number of bytes: which may be missing at the end of the file.
      if (at + Math.ceil((value * bits) / 8) > bytes.length) return undefined
      for (let i = 0; i < value && x < width; i++, x++)
        pixels[y * width + x] = colourAt(bytes[at + ((i * bits) >> 3)]!, i, bits)
      at += 2 * Math.ceil((value * bits) / 16)
    }
  }
  return pixels
}

/** Of two pixels in a byte the first has the upper bits. */
function colourAt(byte: number, i: number, bits: 4 | 8): number {
  if (bits === 8) return byte
  return i % 2 === 0 ? byte >> 4 : byte & 15
}
