import type { TorchTensor } from './torch-tensor.js'

/** The tensors of a PyTorch state dict. Numbers are read when they are asked for. */
export interface StateDict {
  /** Where they come from, for messages: usually a path. */
  readonly source: string
  readonly tensors: ReadonlyMap<string, TorchTensor>
  /** What the names of all of them began with in the file. */
  readonly prefix?: string
  /** Tensors that stood beside them, by their names in the file: of a classifier, usually. */
  readonly leftOut?: readonly string[]
  /** Closes the file: no numbers can be read any more. */
  close(): Promise<void>
}
