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
 * @param rows number of rows
 * @param rootOf the smallest row of the component of a row, or `NO_CLASS`
 */
export function numberClasses(rows: number, rootOf: (row: number) => number): Classes {
  const sizeOfRoot = new Uint32Array(rows)
  let largest = 0
  for (let row = 0; row < rows; row++) {
    const root = rootOf(row)
    if (root === NO_CLASS) continue
    const size = ++sizeOfRoot[root]!
    if (size > largest) largest = size
  }

  // A counting sort by size, largest first; roots come in ascending order, which settles ties.
  const firstOfSize = new Uint32Array(largest + 2)
  for (const size of sizeOfRoot) if (size > 0) firstOfSize[size]!++
  let classes = 0
  for (let size = largest; size > 0; size--) {
    const count = firstOfSize[size]!
    firstOfSize[size] = classes
    classes += count
  }

  const sizes = new Uint32Array(classes)
  const classOfRoot = new Int32Array(rows).fill(NO_CLASS)
  sizeOfRoot.forEach((size, root) => {
    if (size === 0) return
    const number = firstOfSize[size]!++
    classOfRoot[root] = number
    sizes[number] = size
  })

  const classOf = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const root = rootOf(row)
    classOf[row] = root === NO_CLASS ? NO_CLASS : classOfRoot[root]!
  }
  return { classOf, sizes }
}
