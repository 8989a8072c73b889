import { totalmem } from 'node:os'

/** Half of what the machine, or the container that this runs in, has. */
export function defaultMemoryLimit(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  const total = totalmem()
  return Math.floor((constrained > 0 ? Math.min(constrained, total) : total) / 2)
}

/** How a limit is shared between what grows with the input; `preview` is for decoding one picture. */
export function shareMemory(limitBytes: number): {
  gallery: number
  neighbors: number
  edges: number
  preview: number
} {
  const [half, quarter, eighth] = [limitBytes / 2, limitBytes / 4, limitBytes / 8]
  return { gallery: half, neighbors: eighth, edges: eighth, preview: quarter }
}
