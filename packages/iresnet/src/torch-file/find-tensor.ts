import type { PickleValue } from '@facekit/pickle'
import { PickleDict, PickleList, PickleSet, PickleTuple } from '@facekit/pickle'
import { DeclaredTensor } from './declared.js'

/**
 * Whether a value is a tensor, or holds one.
 *
 * @param seen what was looked through before, and had none
 */
export function holdsTensor(value: PickleValue, seen: WeakSet<object>): boolean {
  if (value instanceof DeclaredTensor) return true
  const items = itemsOf(value)
  if (!items || seen.has(items)) return false
  seen.add(items)
  for (const item of items) if (holdsTensor(item, seen)) return true
  return false
}

function itemsOf(value: PickleValue): (Iterable<PickleValue> & object) | undefined {
  if (value instanceof PickleDict) return value.entries.values()
  return value instanceof PickleList || value instanceof PickleTuple || value instanceof PickleSet
    ? value.items
    : undefined
}
