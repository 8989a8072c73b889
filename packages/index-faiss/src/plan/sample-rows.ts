import { FloatRows } from '../gallery/float-rows.js'
import type { GalleryData } from '../gallery/gallery.js'

/**
 * Rows from all over a gallery, divided by their lengths.
 *
 * @param shift in [0, 1): other shifts take other rows
 * @returns count × dim float32, row-major
 */
export function sampleRows(gallery: GalleryData, count: number, shift: number): Float32Array {
  const { dim } = gallery
  const rows = new FloatRows(gallery)
  const sample = new Float32Array(count * dim)
  for (let i = 0; i < count; i++) {
    const row = Math.floor(((i + shift) * gallery.rows) / count)
    rows.readUnits(row, row + 1, sample.subarray(i * dim, (i + 1) * dim))
  }
  rows.close()
  return sample
}
