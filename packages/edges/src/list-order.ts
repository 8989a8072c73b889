/**
 * The order of a row's list of neighbors: most similar first, ties by row.
 *
 * @returns below 0 where the first comes before the second
 */
export function listOrder(
  similarity: number,
  row: number,
  otherSimilarity: number,
  otherRow: number,
): number {
  return otherSimilarity - similarity || row - otherRow
}
