import type { LabelArrayWriter } from '@facekit/core'
import { writeLabelRecords } from './pickle-writer.js'
import { writeStrings } from './write-strings.js'

/** What the label writer is given to write `classes.npy` and `data_list.npy`. */
export const npyLabelArrays: LabelArrayWriter = { writeStrings, writeRecords: writeLabelRecords }
