/** Rows around a centre per identity. */
export function normalRows(
  random: () => number,
  count: number,
  dim: number,
  { perIdentity, spread }: { perIdentity: number; spread: number },
): Float32Array[] {
  const vector = () => Float32Array.from({ length: dim }, () => random() - 0.5)
  let centre = vector()
  return Array.from({ length: count }, (_, i) => {
    if (i % perIdentity === 0) centre = vector()
    const noise = vector()
    return centre.map((value, j) => value + spread * noise[j]!)
  })
}

/** Cosine by the definition, in float64, rounded to float32 once; 0 with a zero row. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  const lengths = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b))
  return lengths === 0 ? 0 : Math.fround(dot(a, b) / lengths)
}

/**
 * Edges by the definition: rows sorted by cosine, ties by row, each lists its topK - 1 best at or above the threshold; a
 * pair is an edge if either end lists the other. Rows that are not finite have no edges.
 */
export function bruteForceEdges(rows: readonly Float32Array[], threshold: number, topK: number): string[] {
  return edgesOfCosines(rows)(threshold, topK)
}

/** The same for several thresholds: cosines are computed once. */
export function edgesOfCosines(rows: readonly Float32Array[]): (threshold: number, topK: number) => string[] {
  const usable = rows.map((row) => row.every(Number.isFinite))
  const lengths = rows.map((row) => Math.sqrt(dot(row, row)))
  const cosines = rows.map(() => new Float32Array(rows.length).fill(NaN))
  rows.forEach((row, i) => {
    if (!usable[i]) return
    for (let j = i + 1; j < rows.length; j++) {
      if (!usable[j]) continue
      const product = lengths[i]! * lengths[j]!
      const cosine = product === 0 ? 0 : Math.fround(dot(row, rows[j]!) / product)
      cosines[i]![j] = cosine
      cosines[j]![i] = cosine
    }
  })
  return (threshold, topK) => {
    const edges = new Set<string>()
    cosines.forEach((own, i) => {
      const near: number[] = []
      own.forEach((cosine, j) => cosine >= Math.fround(threshold) && near.push(j))
      near.sort((a, b) => own[b]! - own[a]! || a - b)
      for (const j of near.slice(0, topK - 1)) edges.add(i < j ? `${i}-${j}` : `${j}-${i}`)
    })
    return [...edges].sort()
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
