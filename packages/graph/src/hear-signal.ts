import { setImmediate } from 'node:timers/promises'

/**
 * Lets others have the thread, and signals be heard.
 *
 * @throws the reason of the signal
 */
export async function hearSignal(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  signal?.throwIfAborted()
}
