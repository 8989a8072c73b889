import type { EdgeBatch } from '@facekit/core'
import { expect } from 'vitest'
import { Gallery, searchNeighbors, type GalleryOptions, type SearchOptions } from '../src/index.js'

export function galleryOf(rows: readonly Float32Array[], dim: number, options?: GalleryOptions): Gallery {
  const gallery = new Gallery(rows.length, dim, options)
  for (const row of rows) gallery.add(row)
  return gallery
}

/** Edges as `source-target`, sorted; fails if a pair comes twice or the wrong way round. */
export async function findEdges(gallery: Gallery, options: SearchOptions): Promise<string[]> {
  const edges: string[] = []
  for await (const batch of searchNeighbors(gallery, { threads: 1, ...options })) {
    const { source, target, similarity } = batch as EdgeBatch
    expect(similarity.length).toBe(source.length)
    expect(source.every((row, i) => row < target[i]!)).toBe(true)
    expect(similarity.every((cosine) => cosine >= Math.fround(options.threshold))).toBe(true)
    source.forEach((row, i) => edges.push(`${row}-${target[i]}`))
  }
  expect(new Set(edges).size).toBe(edges.length)
  return edges.sort()
}
