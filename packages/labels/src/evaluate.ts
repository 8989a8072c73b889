export interface Scores {
  precision: number
  recall: number
  /** Harmonic mean of the two. */
  f: number
}

export interface Evaluation {
  pairwise: Scores
  bcubed: Scores
}

/**
 * How well predicted classes agree with true ones, in time n log n. With n_pt images of true class t in predicted class p,
 * n_p and n_t in either at all, and n images:
 *
 * - pairwise: precision Σ C(n_pt, 2) / Σ C(n_p, 2), recall Σ C(n_pt, 2) / Σ C(n_t, 2); 1 where there are no pairs.
 * - BCubed (Bagga and Baldwin 1998, "Algorithms for scoring coreference chains"): precision Σ n_pt² / n_p / n, recall
 *   Σ n_pt² / n_t / n; 1 where there are no images.
 *
 * @param predicted n class numbers, of any integers
 * @param truth n class numbers
 * @throws RangeError if they differ in length
 */
export function evaluateClustering(predicted: ArrayLike<number>, truth: ArrayLike<number>): Evaluation {
  if (predicted.length !== truth.length) {
    throw new RangeError(
      `Expected as many true classes as predicted ones, ${predicted.length}, but received ${truth.length}`,
    )
  }
  const inPredicted = numberClasses(predicted)
  const inTruth = numberClasses(truth)
  const images = byClass(inPredicted)
  const inBoth = new Uint32Array(inTruth.sizes.length)

  let pairsInBoth = 0
  let precisionSum = 0
  let recallSum = 0
  let start = 0
  for (const size of inPredicted.sizes) {
    const ofPredicted = images.subarray(start, (start += size))
    for (const image of ofPredicted) inBoth[inTruth.classOf[image]!]!++
    for (const image of ofPredicted) {
      const t = inTruth.classOf[image]!
      const count = inBoth[t]!
      // Counted with its first image.
      if (count === 0) continue
      inBoth[t] = 0
      pairsInBoth += pairs(count)
      precisionSum += count ** 2 / size
      recallSum += count ** 2 / inTruth.sizes[t]!
    }
  }
  const n = predicted.length
  return {
    pairwise: scores(
      ratio(pairsInBoth, pairsIn(inPredicted.sizes)),
      ratio(pairsInBoth, pairsIn(inTruth.sizes)),
    ),
    bcubed: scores(ratio(precisionSum, n), ratio(recallSum, n)),
  }
}

interface Classes {
  /** n × uint32: the class of each image, from 0 on. */
  classOf: Uint32Array
  /** classes × uint32: images of each. */
  sizes: Uint32Array
}

/** By a sort: a Map is slow where classes are many, and holds no more than 2 ** 24. */
function numberClasses(labels: ArrayLike<number>): Classes {
  const distinct = Float64Array.from(labels).sort()
  let classes = 0
  for (const label of distinct)
    if (classes === 0 || label !== distinct[classes - 1]) distinct[classes++] = label
  const classOf = new Uint32Array(labels.length)
  const sizes = new Uint32Array(classes)
  for (let image = 0; image < labels.length; image++) {
    const label = labels[image]!
    let low = 0
    let high = classes - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (distinct[middle]! < label) low = middle + 1
      else high = middle
    }
    classOf[image] = low
    sizes[low]!++
  }
  return { classOf, sizes }
}

/** The images of class 0, then those of class 1, and so on. */
function byClass({ classOf, sizes }: Classes): Uint32Array {
  const next = new Uint32Array(sizes.length)
  for (let i = 1; i < sizes.length; i++) next[i] = next[i - 1]! + sizes[i - 1]!
  const images = new Uint32Array(classOf.length)
  for (let image = 0; image < classOf.length; image++) images[next[classOf[image]!]!++] = image
  return images
}

function pairs(count: number): number {
  return (count * (count - 1)) / 2
}

function pairsIn(sizes: Uint32Array): number {
  return sizes.reduce((sum, size) => sum + pairs(size), 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}

function scores(precision: number, recall: number): Scores {
  return {
    precision,
    recall,
    f: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
  }
}
