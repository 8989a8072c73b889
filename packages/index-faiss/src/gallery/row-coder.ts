import { closeSync, openSync, writeSync } from 'node:fs'
import type { FloatProduct } from '../float-product.js'
import type { CodedGallery } from './coded-gallery.js'
import { FloatRows } from './float-rows.js'
import { quantizeAllowance, quantizeRow } from './quantize.js'

/** What embeddings may take that are coded at a time. */
const CHUNK_BYTES = 2 ** 21

/**
 * Fills in the codes of rows.
 *
 * @param product of float32 numbers
 * @param isStopped asked now and then: whether to leave it
 */
export async function codeRows(
  gallery: CodedGallery,
  [start, end]: readonly [start: number, end: number],
  product: FloatProduct,
  isStopped: () => boolean,
): Promise<void> {
  const { dim, coding, store, allowances } = gallery
  const { heads, codeLength } = coding
  // ONNX Runtime takes no shared memory.
  const axes = coding.axes && Float32Array.from(coding.axes)
  const rows = new FloatRows(gallery)
  const fitting = Math.max(1, Math.floor(CHUNK_BYTES / (Float32Array.BYTES_PER_ELEMENT * dim)))
  const chunkRows = Math.min(fitting, end - start)
  const units = new Float32Array(chunkRows * dim)
  const components = new Float32Array(chunkRows * heads)
  const chunkCodes = new Int8Array(chunkRows * codeLength)
  const file = store.kind === 'file' ? openSync(store.path, 'r+') : undefined
  try {
    for (let first = start; first < end && !isStopped(); first += chunkRows) {
      const count = Math.min(chunkRows, end - first)
      const values = components.subarray(0, count * heads)
      const chunk = units.subarray(0, count * dim)
      const lengths = axes
        ? rows.readUnits(first, first + count, chunk)
        : rows.readFirstOfUnits(first, first + count, heads, values, chunk)
      if (axes) await product.run(chunk, axes, dim, values)
      for (let i = 0; i < count; i++) {
        const own = chunkCodes.subarray(i * codeLength, (i + 1) * codeLength)
        // A row of zeros has cosine 0 with everything; one that cannot be used has no edges.
        if (lengths[i] === 0) {
          own.fill(0)
          continue
        }
        const row = values.subarray(i * heads, (i + 1) * heads)
        allowances[first + i] = quantizeRow(row, coding, own)
        // What is stored counts, rounded to float32: its excess is computed from it, too.
        quantizeAllowance(allowances[first + i]!, coding, own.subarray(heads))
      }
      const coded = chunkCodes.subarray(0, count * codeLength)
      if (store.kind === 'memory') store.codes.set(coded, first * codeLength)
      else writeAll(file!, coded, first * codeLength)
    }
  } finally {
    rows.close()
    if (file !== undefined) closeSync(file)
  }
}

function writeAll(file: number, codes: Int8Array, position: number): void {
  for (let at = 0; at < codes.length;) at += writeSync(file, codes, at, codes.length - at, position + at)
}
