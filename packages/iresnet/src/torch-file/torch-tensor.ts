/** What the elements of a tensor are, as PyTorch names them. */
export type TorchDtype =
  'float64' | 'float32' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool'

/** A tensor as a file declares it. Its numbers are read when they are asked for. */
export interface TorchTensor {
  readonly dtype: TorchDtype
  readonly shape: readonly number[]
  /**
   * Reads the numbers: row-major and contiguous, whatever the strides, each as the nearest float32.
   *
   * @throws IresnetError `TORCH_FILE` if the storage is damaged or too short
   */
  read(): Promise<Float32Array>
}
