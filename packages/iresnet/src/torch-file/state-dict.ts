import type { TorchTensor } from './torch-tensor.js'

/** The tensors of a PyTorch state dict. Numbers are read when they are asked for. */
export interface StateDict {
  /** Where they come from, for messages: usually a path. */
  readonly source: string
  readonly tensors: ReadonlyMap<string, TorchTensor>
  close(): Promise<void>
}
