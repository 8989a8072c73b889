import { NO_CLASS } from '@facekit/core'
import { csvRecords, type CsvRecord } from './csv-records.js'
import { TruthError } from './errors.js'
import type { LabelBatch, LabelSource } from './label-source.js'
import { LabelNames } from './label-names.js'

/** A CSV of `path,label`, with or without that header; a label that is empty, or -1, is none. */
export function csvLabels(path: string): Omit<LabelSource, 'kind' | 'path'> {
  const names = new LabelNames()
  return {
    hasPaths: true,
    async *batches(signal) {
      let isFirst = true
      for await (const records of csvRecords(path, signal)) {
        if (isFirst && records.length > 0) {
          isFirst = false
          if (isHeader(records[0]!)) records.shift()
        }
        yield batchOf(path, records, names)
      }
    },
    nameOf: (label) => names.nameOf(label),
  }
}

function isHeader({ fields }: CsvRecord): boolean {
  return fields.map((field) => field.trim().toLowerCase()).join() === 'path,label'
}

function batchOf(path: string, records: readonly CsvRecord[], names: LabelNames): LabelBatch {
  const labels = new Int32Array(records.length)
  const paths = records.map(({ fields, line }, i) => {
    const [image, label] = fields
    if (fields.length !== 2 || !image) {
      throw new TruthError(
        'TRUTH_LINE',
        `Expected path,label in line ${line} of ${path} but received ${JSON.stringify(fields.join())}. Put a path that holds commas in quotes.`,
      )
    }
    const name = label!.trim()
    labels[i] = name === '' || name === '-1' ? NO_CLASS : names.numberOf(name)
    return image
  })
  return { labels, paths, placeOf: (i) => `line ${records[i]!.line} of ${path}` }
}
