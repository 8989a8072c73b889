import { readFileSync } from 'node:fs'

/** A picture with edges and gradients: height × width × 3. */
export function testPicture(width: number, height: number): Buffer {
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const wave = 100 * Math.sin((x * (c + 1)) / 9) * Math.cos(y / (7 + c))
        pixels[(y * width + x) * 3 + c] = 120 + wave + ((x >> 4) % 2 === (y >> 4) % 2 ? 30 : 0)
      }
    }
  }
  return pixels
}

/** PIL's definition: a triangle filter, as wide as the shrinking makes it, rounded to 8 bits after either pass. */
export function pilBilinear(
  from: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Float64Array {
  const columns = weights(width, toWidth)
  const rows = weights(height, toHeight)
  const to = new Float64Array(toWidth * toHeight * 3)
  const wide = new Float64Array(height * toWidth * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      for (let c = 0; c < 3; c++) {
        for (let i = 0; i < width; i++)
          wide[(y * toWidth + x) * 3 + c]! += columns[x]![i]! * from[(y * width + i) * 3 + c]!
      }
    }
  }
  wide.forEach((value, i) => (wide[i] = Math.round(value)))
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth * 3; x++) {
      for (let i = 0; i < height; i++) to[y * toWidth * 3 + x]! += rows[y]![i]! * wide[i * toWidth * 3 + x]!
    }
  }
  return to.map(Math.round)
}

function weights(size: number, toSize: number): Float64Array[] {
  const scale = size / toSize
  const support = Math.max(1, scale)
  return Array.from({ length: toSize }, (_, position) => {
    const centre = (position + 0.5) * scale
    const row = Float64Array.from({ length: size }, (_, i) =>
      Math.max(0, 1 - Math.abs(i + 0.5 - centre) / support),
    )
    const total = row.reduce((a, b) => a + b, 0)
    return row.map((weight) => weight / total)
  })
}

/** The floats of a float32 NPY file. */
export function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file)
  const start = 10 + bytes.readUInt16LE(8)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length))
}

/** An uncompressed BMP of the given RGB colours; up to 8 bits they become its palette. `os2`: of the older header. */
export function bmp(
  width: number,
  height: number,
  bits: 1 | 2 | 4 | 8 | 24 | 32,
  colours: readonly number[][],
  { topDown = false, os2 = false } = {},
): Buffer {
  const palette = bits <= 8 ? colours.slice(0, 2 ** bits) : []
  const entries = palette.map(([r, g, b]) => (os2 ? [b!, g!, r!] : [b!, g!, r!, 0]))
  const rowBytes = Math.ceil((width * bits) / 32) * 4
  const header = Buffer.alloc(os2 ? 26 : 54)
  const start = header.length + entries.flat().length
  header.write('BM', 0, 'latin1')
  header.writeUInt32LE(start + rowBytes * height, 2)
  header.writeUInt32LE(start, 10)
  header.writeUInt32LE(header.length - 14, 14)
  if (os2) {
    for (const [i, value] of [width, height, 1, bits].entries()) header.writeUInt16LE(value, 18 + 2 * i)
  } else {
    header.writeInt32LE(width, 18)
    header.writeInt32LE(topDown ? -height : height, 22)
    header.writeUInt16LE(1, 26)
    header.writeUInt16LE(bits, 28)
    header.writeUInt32LE(palette.length, 46)
  }
  const rows = Buffer.alloc(rowBytes * height)
  colours.forEach(([r, g, b], i) => {
    const x = i % width
    const y = Math.floor(i / width)
    const row = (topDown ? y : height - 1 - y) * rowBytes
    if (bits >= 24) return void rows.set([b!, g!, r!, 99].slice(0, bits / 8), row + (x * bits) / 8)
    const index = i % 2 ** bits
    rows[row + Math.floor((x * bits) / 8)]! |= index << (8 - bits - ((x * bits) % 8))
  })
  return Buffer.concat([header, Buffer.from(entries.flat()), rows])
}

/** A BMP of run-length compression. */
export function bmpOfRuns(
  width: number,
  height: number,
  bits: 4 | 8,
  palette: readonly number[][],
  runs: readonly number[],
): Buffer {
  const entries = Buffer.from(palette.flatMap(([r, g, b]) => [b!, g!, r!, 0]))
  const header = Buffer.alloc(54)
  header.write('BM', 0, 'latin1')
  header.writeUInt32LE(header.length + entries.length + runs.length, 2)
  header.writeUInt32LE(header.length + entries.length, 10)
  header.writeUInt32LE(40, 14)
  header.writeInt32LE(width, 18)
  header.writeInt32LE(height, 22)
  header.writeUInt16LE(1, 26)
  header.writeUInt16LE(bits, 28)
  header.writeUInt32LE(bits === 4 ? 2 : 1, 30)
  header.writeUInt32LE(runs.length, 34)
  header.writeUInt32LE(palette.length, 46)
  return Buffer.concat([header, entries, Buffer.from(runs)])
}

/**
 * Runs of every kind, drawn by chance, and the indices that they give.
 *
 * @param isOdd with moves, and odd numbers of single pixels of 4 bits
 */
export function bmpRuns(random: () => number, width: number, height: number, bits: 4 | 8, isOdd: boolean) {
  const pick = (count: number) => Math.floor(random() * count)
  const runs: number[] = []
  const rows = Array.from({ length: height }, () => Array<number>(width).fill(0))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width;) {
      // PIL takes no row without pixels.
      if (random() < 0.1 && (isOdd || x > 0)) break
      const left = Math.min(255, width - x)
      const kind = pick(isOdd ? 3 : 2)
      if (kind === 2) {
        const right = pick(left + 1)
        runs.push(0, 2, right, 0)
        x += right
        continue
      }
      const single = kind === 1 && left >= 4
      const length = single ? 3 + pick(left - 2) : 1 + pick(left)
      const count = single && bits === 4 && !isOdd ? Math.max(4, length & ~1) : length
      const pair = [pick(2 ** bits), pick(2 ** bits)]
      const indices = Array.from({ length: count }, (_, i) =>
        single ? pick(2 ** bits) : pair[bits === 4 ? i % 2 : 0]!,
      )
      indices.forEach((index, i) => (rows[y]![x + i] = index))
      x += count
      if (!single) {
        runs.push(count, bits === 4 ? (pair[0]! << 4) | pair[1]! : pair[0]!)
        continue
      }
      const packed = bits === 8 ? indices : pairs(indices)
      runs.push(0, count, ...packed, ...(packed.length % 2 === 1 ? [0] : []))
    }
    runs.push(0, 0)
  }
  runs.push(0, 1)
  return { runs, rows }
}

function pairs(indices: readonly number[]): number[] {
  return Array.from(
    { length: Math.ceil(indices.length / 2) },
    (_, i) => (indices[2 * i]! << 4) | (indices[2 * i + 1] ?? 0),
  )
}
