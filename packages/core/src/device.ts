/** What runs models: ONNX Runtime's execution providers, as far as facekit uses them. */
export type Provider = 'cuda' | 'webgpu' | 'cpu'

/** A piece of hardware that runs models. */
export interface Device {
  provider: Provider
  /** From 0, among those of the provider. */
  index: number
}
