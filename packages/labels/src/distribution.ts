/**
 * The text of `clustering_result.txt`.
 *
 * @param sizes rows per class
 * @param duplicates images removed, undefined where duplicates were kept
 * @param method what made the classes, undefined to say nothing of it
 */
export function describeDistribution(
  sizes: Uint32Array,
  duplicates: number | undefined,
  method?: string,
): string {
  const classesOfSize = new Map<number, number>()
  for (const size of sizes) classesOfSize.set(size, (classesOfSize.get(size) ?? 0) + 1)
  const lines = [...classesOfSize]
    .sort(([a], [b]) => a - b)
    .map(([size, count]) => ` Size ${size}: ${count} group(s)`)
  if (duplicates !== undefined) lines.push(`Removed ${duplicates} duplicate images`)
  if (method !== undefined) lines.push(`Method: ${method}`)
  return ['Cluster distribution:', ...lines, ''].join('\n')
}
