import type { PickleValue } from '@facekit/pickle'
import type { DeclaredStorage } from './declared.js'

/** Numbers that one or more tensors share, as the file has them. */
export interface Storage {
  readonly bigEndian: boolean
  /**
   * Fills `into` from byte `start` of the storage on.
   *
   * @throws IresnetError `TORCH_FILE` for damaged data
   */
  read(into: Uint8Array, start: number): Promise<void>
}

/** What a PyTorch file holds: its objects, and where their numbers are. */
export interface TorchContent {
  readonly root: PickleValue
  /** @throws IresnetError `TORCH_FILE` where the storage is missing or has another size */
  storageOf(declared: DeclaredStorage): Storage
}
