/** One row of `data_list.npy`, keys as the training code reads them. */
export interface LabelRecord {
  /** Name of the class. */
  folder: string
  file_path: string
}

/** Writes the two label arrays; the NPY package implements it, the label writer is given it. */
export interface LabelArrayWriter {
  /** One-dimensional unicode array. */
  writeStrings(file: string, values: Iterable<string>): Promise<void>
  /** One-dimensional object array of dicts; `records` yields exactly `count` of them, a batch at a time. */
  writeRecords(file: string, count: number, records: AsyncIterable<LabelRecord[]>): Promise<void>
}
