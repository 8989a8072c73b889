/** Pictures of faces are not more than this much higher than wide; 112×96 and 112×112 are common. */
const MAX_ASPECT = 2

/**
 * Height and width of the last map from the numbers that the linear layer takes: the squarest pair, not wider than
 * high.
 */
export function mapSize(features: number, channels: number): { height: number; width: number } | undefined {
  const cells = features / channels
  for (let width = Math.floor(Math.sqrt(cells)); width > 0; width--) {
    const height = cells / width
    if (Number.isInteger(height)) return height <= MAX_ASPECT * width ? { height, width } : undefined
  }
  return undefined
}
