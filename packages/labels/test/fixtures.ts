import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  NO_CLASS,
  NOT_A_DUPLICATE,
  type Clustering,
  type EmbeddingReader,
  type LabelArrayWriter,
  type LabelRecord,
  type PathBatch,
} from '@facekit/core'
import { onTestFinished } from 'vitest'
import { writeLabels, type LabelOptions, type LabelSummary, type LabelWriter } from '../src/index.js'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'facekit-labels-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** What a person sees in a folder. */
export async function visible(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
}

/** Classes must be numbered by size already. */
export function clusteringOf(classOf: ArrayLike<number>, duplicateOf?: ArrayLike<number>): Clustering {
  const sizes: number[] = []
  for (const number of Array.from(classOf)) if (number !== NO_CLASS) sizes[number] = (sizes[number] ?? 0) + 1
  return {
    classOf: Int32Array.from(classOf),
    duplicateOf: duplicateOf
      ? Int32Array.from(duplicateOf)
      : new Int32Array(classOf.length).fill(NOT_A_DUPLICATE),
    sizes: Uint32Array.from(sizes),
  }
}

/** Row `i` is image `2 * i + 5` of the input. */
export function indexOfRow(row: number): number {
  return 2 * row + 5
}

/** The images in batches of `batchRows`. */
export function pathSource(paths: readonly string[], batchRows = 3): () => AsyncIterable<PathBatch> {
  return async function* () {
    for (let at = 0; at < paths.length; at += batchRows) {
      const batch = paths.slice(at, at + batchRows)
      yield { paths: batch, indices: Uint32Array.from(batch, (_, i) => indexOfRow(at + i)) }
    }
  }
}

export function pathsFor({ classOf }: Clustering): string[] {
  return Array.from(classOf, (_, row) => `/faces/${row}.png`)
}

/** Writes JSON where the NPY package writes arrays. */
export const jsonArrays: LabelArrayWriter = {
  async writeStrings(file, values) {
    await writeFile(file, JSON.stringify([...values]))
  },
  async writeRecords(file, count, records) {
    const all: LabelRecord[] = []
    for await (const batch of records) all.push(...batch)
    if (all.length !== count) throw new Error(`Expected ${count} records but got ${all.length}`)
    await writeFile(file, JSON.stringify(all))
  },
}

export async function readJson(folder: string, file: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, file), 'utf8'))
}

/** One colour for each image. */
export async function decodeGrey(): Promise<Uint8Array> {
  return new Uint8Array(112 * 112 * 3).fill(128)
}

/** Embeddings by row, made as they are read, each of length 1. */
export function embeddingsOf(
  rows: number,
  dim: number,
  embed: (row: number) => ArrayLike<number>,
): EmbeddingReader {
  return {
    rows,
    dim,
    readUnits(start, end, into) {
      for (let row = start; row < end; row++) into.set(embed(row), (row - start) * dim)
    },
  }
}

/** A direction of the plane. */
export function plane(degrees: number): [number, number] {
  return [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
}

/** Options that work; without previews. All images are alike. */
export function labelOptions(
  output: string,
  clustering: Clustering,
  options: Partial<LabelOptions> = {},
): LabelOptions {
  return {
    output,
    paths: pathSource(pathsFor(clustering)),
    embeddings: embeddingsOf(clustering.classOf.length, 2, () => [1, 0]),
    arrays: jsonArrays,
    previews: { groups: 0, decode: decodeGrey },
    removedDuplicates: true,
    ...options,
  }
}

/** Writes labels and waits until the stream has closed, be it with an error. */
export async function write(
  output: string,
  clustering: Clustering,
  options: Partial<LabelOptions> = {},
): Promise<LabelSummary> {
  const stage = writeLabels(labelOptions(output, clustering, options))
  const closed = closing(stage)
  stage.end(clustering)
  const error = await closed
  if (error) throw error
  return stage.result
}

/** The error of a stream, if any, once it has closed. */
export async function closing(stage: LabelWriter): Promise<Error | undefined> {
  let failed: Error | undefined
  stage.on('error', (error) => (failed = error))
  // 'close' comes after 'error'; `once` would reject on 'error'.
  await new Promise((resolve) => stage.on('close', resolve))
  return failed
}
