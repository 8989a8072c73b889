import { NO_CLASS } from '@facekit/core'
import { TruthError } from './errors.js'
import { Int32List } from './int32-list.js'
import type { Kind } from './kinds.js'
import { openLabels, type LabelBatch, type LabelSource } from './label-source.js'
import { TextIndex } from './text-index.js'
import {
  addOnce,
  FolderTruth,
  ListedTruth,
  readOrderedTruth,
  type OrderedTruth,
  type PathTruth,
} from './truth.js'

/** Classes and true classes of the same images, in the order of the labels. */
interface PairedLabels {
  /** n × int32: `NO_CLASS` for an image that is in none, and for duplicates where they are left out. */
  classOf: Int32Array
  /** n × int32: `NO_CLASS` for an image without truth, and for one that is `withoutClass`. */
  truthOf: Int32Array
  duplicates: number
  /** In no class, and no duplicates: those without a usable embedding, or that a file gives none. */
  withoutClass: number
  /** Of the others. */
  withoutTruth: number
  /** The path of an image; undefined where there are none. */
  example: string | undefined
}

/** Labels with the truth, however the two were brought together. */
export interface MatchedLabels extends PairedLabels {
  identityOf(label: number): string
  /** Images of the truth that the labels do not have; undefined where nobody knows. */
  notInLabels?: number | undefined
}

export interface MatchOptions {
  /** Whether removed duplicates count, in the class of the image that stays. */
  duplicates: boolean
  /** What relative paths of the labels are meant from; the working directory if left out. */
  folder?: string | undefined
  signal?: AbortSignal | undefined
}

/**
 * Finds the truth of images: by path, where both sides have paths, else in their order.
 *
 * @throws TruthError `TRUTH_PATHS`, `TRUTH_DUPLICATE`, `TRUTH_LENGTH`; what reading throws; the reason of the signal
 */
export async function matchTruth(
  labels: LabelSource,
  kind: Kind,
  path: string,
  options: MatchOptions,
): Promise<MatchedLabels> {
  if (kind === 'folders') {
    if (!labels.hasPaths) {
      throw new TruthError(
        'TRUTH_PATHS',
        `Expected paths in ${labels.path} to see from which folders of ${path} images are, but it has none. Give labels with paths, or the truth as an NPY or .meta file.`,
      )
    }
    return pairByPath(labels, new FolderTruth(path, options.folder), options)
  }
  const source = openLabels(kind, path)
  return labels.hasPaths && source.hasPaths
    ? pairByPath(labels, await ListedTruth.read(source, options.signal), options)
    : pairInOrder(labels, await readOrderedTruth(source, options.signal), options)
}

async function pairByPath(
  labels: LabelSource,
  truth: PathTruth,
  options: MatchOptions,
): Promise<MatchedLabels> {
  const read = new ReadLabels(options)
  const truthOf = new Int32List()
  // Labels are of a list, which may name an image twice; a table that does is a mistake.
  const once = labels.kind === 'csv' ? new TextIndex() : undefined
  for await (const batch of labels.batches(options.signal)) {
    if (once) addOnce(once, batch)
    read.add(batch)
    truthOf.append(Int32Array.from(batch.paths!, (path) => truth.labelOf(path)))
  }
  return {
    ...read.pairedWith(truthOf.whole),
    identityOf: (label) => truth.nameOf(label),
    notInLabels: truth.unasked,
  }
}

/**
 * Takes the truth in its order: that of the labels or, where it is of more images and the labels say which of the input
 * they are, that of the input, of which some failed.
 */
async function pairInOrder(
  labels: LabelSource,
  truth: OrderedTruth,
  options: MatchOptions,
): Promise<MatchedLabels> {
  const read = new ReadLabels(options)
  const truthOfInput = new Int32List()
  let last = -1
  for await (const batch of labels.batches(options.signal)) {
    read.add(batch)
    if (!batch.indices) continue
    truthOfInput.append(Int32Array.from(batch.indices, (index) => truth.labels[index] ?? NO_CLASS))
    last = batch.indices.reduce((largest, index) => Math.max(largest, index), last)
  }
  const identityOf = (label: number) => truth.nameOf(label)
  if (truth.labels.length === read.images) return { ...read.pairedWith(truth.labels), identityOf }
  if (last >= 0 && last < truth.labels.length)
    return {
      ...read.pairedWith(truthOfInput.whole),
      identityOf,
      notInLabels: truth.labels.length - read.images,
    }
  throw new TruthError(
    'TRUTH_LENGTH',
    `Expected the truth of ${read.images} images, those of ${labels.path}, in ${truth.path} but there is that of ${truth.labels.length}. Give the truth of the same images in the same order, or by their paths as a CSV.`,
  )
}

/** In classes that are read: an image that is in none, and no duplicate. */
const WITHOUT_CLASS = NO_CLASS - 1

class ReadLabels {
  readonly #options: MatchOptions
  readonly #classOf = new Int32List()
  #duplicates = 0
  #example: string | undefined

  constructor(options: MatchOptions) {
    this.#options = options
  }

  get images(): number {
    return this.#classOf.length
  }

  add({ labels, isDuplicate, paths }: LabelBatch): void {
    this.#example ??= paths?.[0]
    this.#classOf.append(
      labels.map((label, i) => {
        if (!isDuplicate?.[i]) return label === NO_CLASS ? WITHOUT_CLASS : label
        this.#duplicates++
        return this.#options.duplicates ? label : NO_CLASS
      }),
    )
  }

  /** @param truthOf changed in place */
  pairedWith(truthOf: Int32Array): PairedLabels {
    const classOf = this.#classOf.whole
    let withoutClass = 0
    let withoutTruth = 0
    for (let image = 0; image < classOf.length; image++) {
      if (classOf[image] === WITHOUT_CLASS) {
        withoutClass++
        classOf[image] = NO_CLASS
        truthOf[image] = NO_CLASS
      } else if (truthOf[image] === NO_CLASS) withoutTruth++
    }
    return {
      classOf,
      truthOf,
      duplicates: this.#duplicates,
      withoutClass,
      withoutTruth,
      example: this.#example,
    }
  }
}
