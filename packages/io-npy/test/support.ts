import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EmbeddingBatch, LabelRecord } from '@facekit/core'
import { afterAll, beforeAll } from 'vitest'

/** A folder for the tests of one file; call at the top. */
export function temporaryFolder(): (name: string) => string {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'facekit-io-npy-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return (name) => join(folder, name)
}

/** Rows `start` to `end` of an endless set whose values say which row they are of. */
export function embeddingBatch(start: number, end: number, dim: number, normalized = false): EmbeddingBatch {
  const rows = end - start
  return {
    indices: Uint32Array.from({ length: rows }, (_, i) => 2 * (start + i)),
    paths: Array.from({ length: rows }, (_, i) => `faces/${start + i}.jpg`),
    embeddings: Float32Array.from(
      { length: rows * dim },
      (_, i) => start + Math.floor(i / dim) + (i % dim) / 1024,
    ),
    dim,
    normalized,
  }
}

export interface ArraySpec {
  descr: string
  shape: readonly number[]
  data: ArrayBufferView
  /** Header text in place of the usual one. */
  header?: string
  version?: 1 | 2 | 3
}

/** An NPY file made by other means than the code under test. */
export function npyBytes({ descr, shape, data, header, version = 1 }: ArraySpec): Buffer {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = header ?? `{'descr': '${descr}', 'fortran_order': False, 'shape': (${axes}), }\n`
  const length = Buffer.alloc(version === 1 ? 2 : 4)
  const encoded = Buffer.from(text, version === 3 ? 'utf8' : 'latin1')
  length.writeUIntLE(encoded.length, 0, length.length)
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    encoded,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ])
}

export async function writeArray(file: string, spec: ArraySpec): Promise<string> {
  await writeFile(file, npyBytes(spec))
  return file
}

export function unicode(strings: readonly string[], width: number): Uint32Array {
  const codes = new Uint32Array(strings.length * width)
  for (const [row, text] of strings.entries()) {
    codes.set(
      Array.from(text, (character) => character.codePointAt(0)!),
      row * width,
    )
  }
  return codes
}

export async function* inBatches<T>(items: readonly T[], size: number): AsyncGenerator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}

export async function collect<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}

export function labelRecords(count: number, classes: number): LabelRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    folder: `group_${String(i % classes).padStart(4, '0')}`,
    file_path: `faces/${i}.jpg`,
  }))
}

/** Everything under a folder, hidden files included but for the record of what a run made. */
export async function listFolder(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name !== '.facekit.json').sort()
}

/** Whether this process has a file open whose path starts so. */
export async function isOpen(path: string): Promise<boolean> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
  return (await Promise.all(links)).some((link) => link.startsWith(path))
}
