import { Numbering } from '@facekit/core'

/** Classes of one side of a comparison, numbered from 0 on in the order in which they first come. */
export interface Classes {
  /** classes × float64: the label that each was given. */
  labels: Float64Array
  /** classes × uint32: images of each. */
  sizes: Uint32Array
}

/** Images by predicted and true class; of the cells only those that are not 0. */
export interface Contingency {
  images: number
  predicted: Classes
  truth: Classes
  /** predicted + 1 × uint32: the cells of class p are those from `starts[p]` to `starts[p + 1]`. */
  starts: Uint32Array
  /** cells × uint32: number of the true class. */
  truthOf: Uint32Array
  /** cells × uint32: images in both. */
  counts: Uint32Array
}

/**
 * Counts images by predicted and true class, in time linear in images, with 16 bytes for each and some 30 for a class.
 *
 * @param predicted n class labels, of any integers
 * @param truth n class labels
 * @throws RangeError if they differ in length, or are no integers
 */
export function contingency(predicted: ArrayLike<number>, truth: ArrayLike<number>): Contingency {
  const images = predicted.length
  if (images !== truth.length) {
    throw new RangeError(
      `Expected as many true classes as predicted ones, ${images}, but received ${truth.length}`,
    )
  }
  const inPredicted = numberClasses(predicted)
  const inTruth = numberClasses(truth)
  const truthOf = byClass(inPredicted, inTruth.classOf)
  const counts = new Uint32Array(images)
  const starts = new Uint32Array(inPredicted.sizes.length + 1)
  const inBoth = new Uint32Array(inTruth.sizes.length)
  let cells = 0
  let start = 0
  for (const [p, size] of inPredicted.sizes.entries()) {
    const end = start + size
    for (let i = start; i < end; i++) inBoth[truthOf[i]!]!++
    // Cells take the place of images that were read.
    for (let i = start; i < end; i++) {
      const t = truthOf[i]!
      if (inBoth[t] === 0) continue
      truthOf[cells] = t
      counts[cells++] = inBoth[t]!
      inBoth[t] = 0
    }
    starts[p + 1] = cells
    start = end
  }
  return {
    images,
    predicted: { labels: inPredicted.labels, sizes: inPredicted.sizes },
    truth: { labels: inTruth.labels, sizes: inTruth.sizes },
    starts,
    truthOf: truthOf.subarray(0, cells),
    counts: counts.subarray(0, cells),
  }
}

interface NumberedClasses extends Classes {
  /** n × uint32: the class of each image. */
  classOf: Uint32Array
}

function numberClasses(labels: ArrayLike<number>): NumberedClasses {
  const numbering = new Numbering()
  const classOf = new Uint32Array(labels.length)
  for (let image = 0; image < labels.length; image++) classOf[image] = numbering.add(labels[image]!)
  const sizes = new Uint32Array(numbering.values.length)
  for (const number of classOf) sizes[number]!++
  return { labels: numbering.values, sizes, classOf }
}

/** The true classes of the images of class 0, then of those of class 1, and so on. */
function byClass({ classOf, sizes }: NumberedClasses, truthOf: Uint32Array): Uint32Array {
  const next = new Uint32Array(sizes.length)
  for (let i = 1; i < sizes.length; i++) next[i] = next[i - 1]! + sizes[i - 1]!
  const sorted = new Uint32Array(classOf.length)
  for (let image = 0; image < classOf.length; image++) sorted[next[classOf[image]!]!++] = truthOf[image]!
  return sorted
}
