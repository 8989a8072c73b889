import { checkOneOf, OptionError, type Device } from '@facekit/core'
import { chooseDevices, type DeviceWish } from '@facekit/devices'
import { chooseEngine, ENGINES, type Engine } from '@facekit/index-faiss'

/** What searches, and on what. */
export interface ChosenSearch {
  engine: Engine
  devices: readonly Device[]
  /** Whether the CPU may take over where devices cannot hold the gallery. */
  mayFallBack: boolean
  /** One line that says what was taken, and why. */
  reason: string
}

/** @throws FacekitError for an engine or a provider that does not start; OptionError for a GPU with another engine */
export async function chooseSearch(
  engineWish: (typeof ENGINES)[number],
  device: DeviceWish,
): Promise<ChosenSearch> {
  checkOneOf('engine', engineWish, ENGINES)
  const { provider } = device
  const isForCpu = engineWish === 'tiles' || engineWish === 'faiss'
  if (isForCpu && (provider === 'cuda' || provider === 'webgpu')) {
    throw new OptionError(
      `Expected --engine screened with --provider ${provider} but received ${engineWish}, which searches on the CPU`,
    )
  }
  const { engine, reason } = await chooseEngine(engineWish)
  if (isForCpu) return { engine, devices: [], mayFallBack: false, reason: `${reason}, on the CPU` }
  const { devices, reason: where } = await chooseDevices(device)
  return { engine, devices, mayFallBack: provider === 'auto', reason: `${reason}, ${where}` }
}
