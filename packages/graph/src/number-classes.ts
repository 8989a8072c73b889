import { NO_CLASS } from '@facekit/core'

export interface Classes {
  /** rows × int32: the class of each row, or `NO_CLASS`. */
  classOf: Int32Array
  /** classes × uint32: rows per class, largest first; ties by smallest row. */
  sizes: Uint32Array
}

/**
 * Numbers the components of rows by size, largest first, ties by smallest row, in time linear in the rows.
 *
 * @param roots rows × int32: the smallest row of the component of each row, or `NO_CLASS`; becomes `classOf`
 */
export function numberClasses(roots: Int32Array): Classes {
  const ofRoot = new Uint32Array(roots.length)
  for (const root of roots) if (root !== NO_CLASS) ofRoot[root]!++

  // A counting sort by size, largest first; roots come in ascending order, which settles ties. There are few sizes: n
  // different ones take n²/2 rows.
  const classesOfSize = new Map<number, number>()
  for (const size of ofRoot) if (size > 0) classesOfSize.set(size, (classesOfSize.get(size) ?? 0) + 1)
  const nextOfSize = new Map<number, number>()
  let classes = 0
  for (const [size, count] of [...classesOfSize].sort(([a], [b]) => b - a)) {
    nextOfSize.set(size, classes)
    classes += count
  }

  const sizes = new Uint32Array(classes)
  // What is a size becomes a number.
  for (let root = 0; root < ofRoot.length; root++) {
    const size = ofRoot[root]!
    if (size === 0) continue
    const number = nextOfSize.get(size)!
    nextOfSize.set(size, number + 1)
    sizes[number] = size
    ofRoot[root] = number
  }

  for (let row = 0; row < roots.length; row++) {
    const root = roots[row]!
    if (root !== NO_CLASS) roots[row] = ofRoot[root]!
  }
  return { classOf: roots, sizes }
}
