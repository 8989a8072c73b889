import { OptionError } from '@facekit/core'
import { calibrate } from '@facekit/graph'
import { UnitRows, type FileSet } from '@facekit/io-npy'
import { grouped } from '../progress.js'
import type { Talk } from '../talk.js'
import type { Method } from './method-names.js'

export interface MethodWish {
  /** `components` if left out. */
  method?: Method | undefined
  /** Cosine at or above which two images are (or, for communities, may be) the same person; left out, the method's own. */
  clusterThresh?: number | 'auto' | undefined
}

export interface ChosenMethod {
  method: Method
  clusterThresh: number
}

const COMPONENTS_THRESHOLD = 0.7

/**
 * What is used where nothing, or `auto`, is given: the contract's threshold, or the cosine at which strangers end.
 *
 * @param set that strangers are drawn from
 * @throws OptionError for `auto` with components
 */
export async function chooseMethod(
  { method = 'components', clusterThresh }: MethodWish,
  set: FileSet,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ChosenMethod> {
  if (typeof clusterThresh === 'number') return { method, clusterThresh }
  if (method === 'components') return { method, clusterThresh: componentsThreshold(clusterThresh) }
  const rows = new UnitRows(set)
  try {
    const { threshold, median, spread, pairs, doubt } = await calibrate(rows, { signal })
    // More digits say nothing, and these can be typed.
    const rounded = Math.min(1, Math.round(threshold * 1000) / 1000)
    if (doubt) talk.warn(`${doubt}: give --cluster_thresh, see facekit thresholds`)
    talk.info(
      `Two images may be one person at a cosine of ${rounded} or more: strangers have ${median.toFixed(3)} ± ${spread.toFixed(3)} (${grouped(pairs)} random pairs)`,
    )
    return { method, clusterThresh: rounded }
  } finally {
    await rows.close()
  }
}

/** @throws OptionError */
export function componentsThreshold(wish: number | 'auto' | undefined): number {
  if (wish === 'auto')
    throw new OptionError('Expected a cosine for --cluster_thresh with --method components but received auto')
  return wish ?? COMPONENTS_THRESHOLD
}
