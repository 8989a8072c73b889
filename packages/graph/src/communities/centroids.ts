import type { EmbeddingReader } from '@facekit/core'
import { hearSignal } from '../hear-signal.js'
import type { Room } from './room.js'
import { RowChunks } from './row-chunks.js'
import { RowStore } from './row-store.js'
import { addScaled, normalize } from './vectors.js'

export interface Centroids {
  /** modules × dim, of length 1. */
  units: RowStore
  /** modules × float64: the lengths that the sums of the rows of each module have. */
  lengths: Float64Array
}

/**
 * The sum of the rows of each module, in ascending order.
 *
 * @param modules rows × int32: 0 … count − 1
 */
export async function centroidsOf(
  embeddings: EmbeddingReader,
  modules: Int32Array,
  count: number,
  room: Room,
  signal: AbortSignal | undefined,
): Promise<Centroids> {
  const { dim } = embeddings
  const rows = new RowChunks(embeddings, room.bytes)
  const units = new RowStore(count, dim, room, 'centroids')
  const lengths = new Float64Array(count)
  const atOnce = units.values ? count : Math.max(1, Math.floor(room.bytes / (4 * dim)))
  try {
    for (let first = 0; first < count; first += atOnce) {
      const end = Math.min(count, first + atOnce)
      await units.add(end - first, async (sums) => {
        for await (const part of rows.parts()) {
          await hearSignal(signal)
          for (let row = part.start; row < part.end; row++) {
            const module = modules[row]!
            if (module < first || module >= end) continue
            addScaled(sums, (module - first) * dim, 1, part.values, (row - part.start) * dim, dim)
          }
        }
        for (let module = first; module < end; module++)
          lengths[module] = normalize(sums, (module - first) * dim, dim)
      })
    }
  } catch (error) {
    units.remove()
    throw error
  }
  return { units, lengths }
}
