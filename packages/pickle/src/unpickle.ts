import { inputOf } from './input.js'
import type { UnpickleOptions } from './unpickler.js'
import { Unpickler } from './unpickler.js'
import type { PickleValue } from './values.js'

/**
 * Reads a pickle, executing nothing.
 *
 * @param bytes begin with the pickle; what comes after it is not looked at
 * @param source names the bytes in messages: a path
 * @throws PickleError
 */
export async function unpickle(
  bytes: Uint8Array,
  source: string,
  options?: UnpickleOptions,
): Promise<PickleValue> {
  const unpickler = new Unpickler(inputOf(bytes, source), options)
  while (await unpickler.advance());
  return unpickler.finish()
}
