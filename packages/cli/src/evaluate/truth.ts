import { dirname, relative, resolve } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { TruthError } from './errors.js'
import { Int32List } from './int32-list.js'
import { LabelNames } from './label-names.js'
import type { LabelBatch, LabelSource } from './label-source.js'
import { TextIndex } from './text-index.js'

/** The true class of an image by its path. */
export interface PathTruth {
  /** @returns `NO_CLASS` where there is none */
  labelOf(path: string): number
  nameOf(label: number): string
  /** Images that nobody asked for; undefined where nobody knows of any. */
  unasked?: number
}

/** The true classes of images in their order. */
export interface OrderedTruth {
  path: string
  /** n × int32 */
  labels: Int32Array
  nameOf(label: number): string
}

/** The folder that an image is in, below a folder of identities: by its path alone. */
export class FolderTruth implements PathTruth {
  readonly #names = new LabelNames()
  readonly #root: string
  readonly #from: string
  readonly #start: string

  /** @param from what relative paths of images are meant from */
  constructor(root: string, from = process.cwd()) {
    this.#root = resolve(root)
    this.#from = from
    // As paths are written that begin with it.
    const written = from === process.cwd() ? root : this.#root
    this.#start = written.endsWith('/') ? written : `${written}/`
  }

  labelOf(path: string): number {
    const folder = dirname(this.#below(path))
    // Elsewhere, or beside the folders.
    return folder === '.' || folder === '..' || folder.startsWith('../')
      ? NO_CLASS
      : this.#names.numberOf(folder)
  }

  nameOf(label: number): string {
    return this.#names.nameOf(label)
  }

  #below(path: string): string {
    // Of millions of paths most begin as the folder is written, and hold nothing to be resolved.
    if (path.startsWith(this.#start)) {
      const rest = path.slice(this.#start.length)
      if (!/(?:^|\/)(?:\/|\.)/.test(rest)) return rest
    }
    return relative(this.#root, resolve(this.#from, path))
  }
}

/** The classes of a source by the paths of its images, of which hashes are held. */
export class ListedTruth implements PathTruth {
  readonly #source: LabelSource
  readonly #index: TextIndex
  readonly #labels: Int32Array
  readonly #asked: Uint8Array

  private constructor(source: LabelSource, index: TextIndex, labels: Int32Array) {
    this.#source = source
    this.#index = index
    this.#labels = labels
    this.#asked = new Uint8Array(labels.length)
  }

  /** @throws TruthError `TRUTH_DUPLICATE` for an image that comes twice; what reading throws */
  static async read(source: LabelSource, signal?: AbortSignal): Promise<ListedTruth> {
    const index = new TextIndex()
    const list = new Int32List()
    for await (const batch of source.batches(signal)) {
      addOnce(index, batch)
      list.append(batch.labels)
    }
    return new ListedTruth(source, index, list.whole)
  }

  labelOf(path: string): number {
    const number = this.#index.find(path)
    if (number < 0) return NO_CLASS
    this.#asked[number] = 1
    return this.#labels[number]!
  }

  nameOf(label: number): string {
    return this.#source.nameOf(label)
  }

  get unasked(): number {
    return this.#asked.reduce((count, asked) => count - asked, this.#asked.length)
  }
}

/**
 * Adds the paths of a batch to those before it.
 *
 * @throws TruthError `TRUTH_DUPLICATE` for one that comes again
 */
export function addOnce(index: TextIndex, { paths = [], placeOf }: LabelBatch): void {
  paths.forEach((path, i) => {
    const { size } = index
    const number = index.add(path)
    if (number === size) return
    throw new TruthError(
      'TRUTH_DUPLICATE',
      `Expected each image once but ${path} comes again in ${placeOf(i)}, after it was image ${number + 1}. Leave one of them out.`,
    )
  })
}

export async function readOrderedTruth(source: LabelSource, signal?: AbortSignal): Promise<OrderedTruth> {
  const labels = new Int32List()
  for await (const batch of source.batches(signal)) labels.append(batch.labels)
  return { path: source.path, labels: labels.whole, nameOf: (label) => source.nameOf(label) }
}
