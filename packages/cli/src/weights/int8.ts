import type { Embedder } from '@facekit/embedder'
import type { Talk } from '../talk.js'
import { imageRates } from './image-rates.js'

export interface Int8Options {
  /** The same model in int8 and in fp32. */
  int8: Uint8Array
  full: Uint8Array
  open: (model: Uint8Array) => Promise<Embedder>
  talk: Talk
  signal?: AbortSignal | undefined
}

/**
 * Opens a model in int8, and says so where that is no faster than fp32. It depends on the CPU and on the model: in a
 * small one, converting between the layers takes what the products save.
 */
export async function openInt8({ int8, full, open, talk, signal }: Int8Options): Promise<Embedder> {
  const embedder = await open(int8)
  try {
    const reference = await open(full)
    const [rate, fullRate] = await imageRates(embedder, reference, signal).finally(async () =>
      reference.close(),
    )
    if (rate <= fullRate) {
      talk.warn(
        `int8 is no faster than fp32 on this CPU: ${Math.round(rate)} against ${Math.round(fullRate)} images/s; --precision fp32 is the better choice`,
      )
    }
    return embedder
  } catch (error) {
    await embedder.close()
    throw error
  }
}
