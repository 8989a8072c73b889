/** How the lists of similarities lie in an array: list i holds i · stride + j · step for j < length. */
export interface ListLayout {
  lists: number
  stride: number
  length: number
  step: number
}

/**
 * For each list the similarity of its `listLength`-th largest number, or -Infinity where no more than that are at or
 * above `bound`.
 */
export function localCutoffs(
  values: Float32Array,
  { lists, stride, length, step }: ListLayout,
  bound: number,
  listLength: number,
): Float64Array {
  const cutoffs = new Float64Array(lists).fill(-Infinity)
  if (listLength >= length) return cutoffs
  const above = new Float32Array(length)
  for (let list = 0; list < lists; list++) {
    let count = 0
    for (let j = 0, at = list * stride; j < length; j++, at += step) {
      if (values[at]! >= bound) above[count++] = values[at]!
    }
    if (count > listLength) cutoffs[list] = above.subarray(0, count).sort()[count - listLength]!
  }
  return cutoffs
}
