import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { holdsAssignments } from '@facekit/labels'
import { csvLabels } from './csv-labels.js'
import { TruthError } from './errors.js'
import { folderLabels } from './folder-labels.js'
import type { Kind } from './kinds.js'
import { metaLabels } from './meta-labels.js'
import { npyLabels } from './npy-labels.js'

/** Images and the class of each, in their order. */
export interface LabelBatch {
  /** n × int32: number of the class, from 0 on, `NO_CLASS` for none. */
  labels: Int32Array
  /** n paths, of a source that has them. */
  paths?: readonly string[]
  /** n × uint32, of labels: position in the original input. */
  indices?: Uint32Array
  /** n × uint8, of labels: 1 for a removed duplicate, which has the class of the image that stays. */
  isDuplicate?: Uint8Array
  /** Where an image stands in the file, for messages. */
  placeOf(image: number): string
}

export interface LabelSource {
  kind: Exclude<Kind, 'folders'>
  path: string
  hasPaths: boolean
  batches(signal?: AbortSignal): AsyncIterable<LabelBatch>
  /** The name of a class that came. */
  nameOf(label: number): string
}

/** @throws TruthError `TRUTH_KIND`, `TRUTH_FILE` */
export async function kindOf(path: string): Promise<Kind> {
  const stats = await stat(path).catch((cause: Error) => {
    throw new TruthError(
      'TRUTH_FILE',
      `Expected a file or folder of labels at ${path} but ${cause.message}. Check the path; --truth-kind folders takes folders by name, also where they are not here.`,
      { cause },
    )
  })
  if (stats.isDirectory()) return (await holdsAssignments(path)) ? 'labels' : 'folders'
  const extension = extname(path).slice(1).toLowerCase()
  if (extension === 'csv' || extension === 'npy' || extension === 'meta') return extension
  throw new TruthError(
    'TRUTH_KIND',
    `Expected a name that ends in .csv, .npy or .meta but received ${path}. Give the file such a name, or, for the truth, say by --truth-kind what it is.`,
  )
}

export function openLabels(kind: LabelSource['kind'], path: string): LabelSource {
  const open = { labels: folderLabels, csv: csvLabels, npy: npyLabels, meta: metaLabels }[kind]
  return { kind, path, ...open(path) }
}
