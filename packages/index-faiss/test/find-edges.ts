import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { NO_CHECKPOINTS, type EdgeBatch } from '@facekit/core'
import { expect } from 'vitest'
import {
  Gallery,
  searchNeighbors,
  type GalleryOptions,
  type ScreenInfo,
  type SearchOptions,
} from '../src/index.js'
import type { CodingWish } from '../src/plan/plan-codes.js'
import { searchTiles } from '../src/search-tiles.js'

export function galleryOf(rows: readonly Float32Array[], dim: number, options?: GalleryOptions): Gallery {
  const gallery = new Gallery(rows.length, dim, options)
  for (const row of rows) gallery.add(row)
  return gallery
}

/** Edges as `source-target`, sorted; fails if a pair comes twice or the wrong way round. */
export async function findEdges(gallery: Gallery, options: SearchOptions): Promise<string[]> {
  return edgesOf(searchNeighbors(gallery, { threads: 1, ...options }), options.threshold)
}

/** The same of rows that are coded in a certain way, and how they were; fails if the screen was off. */
export async function findCodedEdges(
  gallery: Gallery,
  { threshold, topK }: { threshold: number; topK: number },
  wish: CodingWish,
): Promise<{ edges: string[]; screen: ScreenInfo }> {
  const warnings: string[] = []
  const screens: ScreenInfo[] = []
  const search = searchTiles(
    gallery.finish(),
    {
      threshold: Math.fround(threshold),
      listLength: Math.min(topK, gallery.rows) - 1,
      region: undefined,
      known: undefined,
      screening: true,
      wish,
      threads: 1,
      devices: [],
      mayFallBack: false,
      pairBytes: 2 ** 28,
      pairFolder: join(tmpdir(), 'not-needed'),
      checkpoints: NO_CHECKPOINTS,
      onProgress: () => {},
      onWarning: (text) => warnings.push(text),
      onScreen: (screen) => screens.push(screen),
      onSharded: () => {},
    },
    new AbortController().signal,
  )
  const edges = await edgesOf(search, threshold)
  expect(warnings).toEqual([])
  expect(screens).toHaveLength(1)
  return { edges, screen: screens[0]! }
}

async function edgesOf(search: AsyncIterable<EdgeBatch>, threshold: number): Promise<string[]> {
  const edges: string[] = []
  for await (const { source, target, similarity } of search) {
    expect(similarity.length).toBe(source.length)
    expect(source.every((row, i) => row < target[i]!)).toBe(true)
    expect(similarity.every((cosine) => cosine >= Math.fround(threshold))).toBe(true)
    source.forEach((row, i) => edges.push(`${row}-${target[i]}`))
  }
  expect(new Set(edges).size).toBe(edges.length)
  return edges.sort()
}
