/** What runs models: ONNX Runtime's execution providers, as far as facekit uses them. */
export type Provider = 'cuda' | 'webgpu' | 'cpu'

/** A piece of hardware that runs models. */
export interface Device {
  provider: Provider
  /** From 0, among those of the provider. */
  index: number
}

/** Each device once, in the order in which they come. */
export function distinctDevices(devices: readonly Device[]): Device[] {
  return devices.filter((device, at) => devices.findIndex((other) => isSameDevice(other, device)) === at)
}

/** Whether two are one device. */
export function isSameDevice(a: Device, b: Device): boolean {
  return a.provider === b.provider && a.index === b.index
}
