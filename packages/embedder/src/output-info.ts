/** What an output of a model is: without ONNX Runtime's types, which need those of a browser. */
export interface OutputInfo {
  name: string
  elementType: string
  /** Numbers per image. */
  dim: number
  /** After the axis of the batch. */
  shape: readonly number[]
  /** How far the row of an image among others is from its row alone, as a part of its length. */
  mixing: number
}
