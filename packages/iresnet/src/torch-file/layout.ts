/** How a tensor lies in its storage, all in numbers, not bytes. */
export interface Layout {
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** How many numbers the tensor has. Inexact above 2⁵³, where it is too large for every use anyway. */
export function elementsOf(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, 1)
}

/**
 * From the first of its numbers to the last: with strides of 0 or more the first is at `offset`. Inexact above 2⁵³.
 *
 * @param layout of a tensor that has numbers
 */
export function spanOf({ shape, strides }: Layout): number {
  return shape.reduce((span, length, axis) => span + (length - 1) * strides[axis]!, 1)
}

/** The strides of a contiguous tensor. */
export function rowMajor(shape: readonly number[]): number[] {
  let stride = 1
  return shape
    .toReversed()
    .map((length) => {
      const own = stride
      stride *= length
      return own
    })
    .toReversed()
}

/** Whether its numbers stand in row-major order, each next to the one before. */
export function isContiguous({ shape, strides }: Layout): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue
    if (strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/**
 * Puts the numbers of a tensor into row-major order.
 *
 * @param span the part of the storage that begins at the tensor's first number
 */
export function gather(span: Float32Array, layout: Layout): Float32Array<ArrayBuffer> {
  const into = new Float32Array(elementsOf(layout.shape))
  const axes = mergeAxes(layout)
  const { length, stride } = axes.pop() ?? { length: 1, stride: 1 }
  const counters = axes.map(() => 0)
  let from = 0
  for (let to = 0; to < into.length;) {
    for (let i = 0, at = from; i < length; i++, at += stride) into[to++] = span[at]!
    // An odometer over the outer axes.
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += axes[axis]!.stride
      if (++counters[axis]! < axes[axis]!.length) break
      from -= axes[axis]!.stride * axes[axis]!.length
      counters[axis] = 0
    }
  }
  return into
}

/** As few axes as say the same, so that the innermost is long. */
function mergeAxes({ shape, strides }: Layout): { length: number; stride: number }[] {
  const axes: { length: number; stride: number }[] = []
  for (const [axis, length] of shape.entries()) {
    if (length === 1) continue
    const stride = strides[axis]!
    const outer = axes.at(-1)
    if (outer?.stride === stride * length) axes[axes.length - 1] = { length: outer.length * length, stride }
    else axes.push({ length, stride })
  }
  return axes
}
