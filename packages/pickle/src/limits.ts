/** What a pickle may use. Each has a default that a state dict of tens of thousands of tensors does not come near. */
export interface PickleLimits {
  /** Levels of containers in containers, so that who walks through the result needs no care. */
  depth: number
  /** Values on the stack at once. Picklers put a thousand elements there at a time. */
  stack: number
  /**
   * Values that are put on the stack in all. What they refer to takes a hundred bytes at most, strings aside: together
   * with the size of the input, this bounds the memory.
   */
  values: number
  /** Bytes of one string: a damaged length must not become an allocation of gigabytes. */
  bytes: number
}

export const DEFAULT_LIMITS: PickleLimits = {
  depth: 64,
  stack: 64 * 1024,
  values: 2 ** 23,
  bytes: 16 * 1024 * 1024,
}
