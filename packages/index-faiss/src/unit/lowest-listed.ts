/** How lists of products lie in an array: list i holds i · stride + j · step for j < length. */
export interface ListLayout {
  lists: number
  stride: number
  length: number
  step: number
}

/**
 * For each list the product below which none of its numbers can be among its `listLength` largest similarities.
 *
 * @param bounds lists × float64: what was known before; raised where the list itself allows it
 * @param error how far a product can be from the similarity
 */
export function raiseToListed(
  products: Float32Array,
  { lists, stride, length, step }: ListLayout,
  bounds: Float64Array,
  listLength: number,
  error: number,
): void {
  if (listLength >= length) return
  const above = new Float32Array(length)
  for (let list = 0; list < lists; list++) {
    const bound = bounds[list]!
    let count = 0
    for (let j = 0, at = list * stride; j < length; j++, at += step) {
      if (products[at]! >= bound) above[count++] = products[at]!
    }
    if (count <= listLength) continue
    const last = above.subarray(0, count).sort()[count - listLength]!
    // Each of these many similarities is at least last − error; what is below last − 2 · error cannot reach that.
    bounds[list] = Math.max(bound, last - 2 * error)
  }
}
