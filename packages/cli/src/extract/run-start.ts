import { resolve } from 'node:path'
import type { Device, EmbeddingModel, EmbeddingRun } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import { ownVersion } from '../own-version.js'
import type { ExtractOptions } from './run.js'

/** What is said of a run beside its embeddings, before there are any. */
export type RunStart = Omit<EmbeddingRun, 'seconds' | 'list' | 'images' | 'embedded' | 'failed'>

/** @param batchSize in use */
export function runStart(
  options: ExtractOptions,
  embedder: Embedder,
  devices: readonly Device[],
  batchSize: number,
): RunStart {
  const { command = [], input, listColumn, maxPixels } = options
  return {
    facekit: ownVersion(),
    command: [...command],
    folder: process.cwd(),
    startedAt: new Date().toISOString(),
    input: input === '-' ? input : resolve(input),
    listColumn: listColumn ?? null,
    maxPixels: maxPixels ?? null,
    provider: devices[0]?.provider ?? 'cpu',
    batchSize,
    model: modelOf(options, embedder),
  }
}

function modelOf(
  { weights, outputName, precision }: ExtractOptions,
  { modelHash, dim, normalized, pixels, width, height }: Embedder,
): EmbeddingModel {
  return {
    weights: resolve(weights),
    sha256: modelHash,
    outputName: outputName ?? null,
    dim,
    normalized,
    precision: precision ?? null,
    ...pixels,
    width,
    height,
  }
}

/** How pixels enter a model: `mean 127.5, std 127.5, rgb`. */
export function sayPixels({ mean, std, channels }: Embedder['pixels']): string {
  if (!mean || !std) return `normalised inside the model, ${channels}`
  return `mean ${sayNumbers(mean)}, std ${sayNumbers(std)}, ${channels}`
}

function sayNumbers(numbers: readonly number[]): string {
  return numbers.every((number) => number === numbers[0]) ? String(numbers[0]) : numbers.join(',')
}
