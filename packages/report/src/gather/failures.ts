import { iterate, type BatchesOf, type FailedImage } from '@facekit/core'
import { LIMITS } from '../limits.js'

/** Images that failed for one reason. */
export interface FailureGroup {
  reason: string
  count: number
  /** The first of them. */
  paths: string[]
}

export interface Failures {
  count: number
  /** The most frequent first. */
  groups: FailureGroup[]
  /** Images of reasons that are not among these. */
  others: number
}

/** Reasons that are told apart while counting. */
const MOST_REASONS = 1024

/** Groups images by their reasons; numbers in these (bytes, pixels) make no difference. */
export async function groupFailures(failures: BatchesOf<FailedImage>): Promise<Failures> {
  const groups = new Map<string, FailureGroup>()
  let count = 0
  let others = 0
  for await (const { path, reason } of iterate(failures)) {
    count++
    const kind = reason.replaceAll(/\d+/g, '#')
    const group = groups.get(kind)
    if (group) {
      group.count++
      if (group.paths.length < LIMITS.failedPaths) group.paths.push(path)
    } else if (groups.size < MOST_REASONS) groups.set(kind, { reason, count: 1, paths: [path] })
    else others++
  }
  const sorted = [...groups.values()].sort((a, b) => b.count - a.count)
  const told = sorted.slice(0, LIMITS.reasons)
  for (const group of sorted.slice(LIMITS.reasons)) others += group.count
  return { count, groups: told, others }
}
