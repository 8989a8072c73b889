import type { DeviceWish } from '@facekit/devices'

// What options are where they are left out, of functions and flags alike. What depends on the machine is beside where it is
// found: threads and memory.

export const DEVICE_DEFAULT = { provider: 'auto' } as const satisfies DeviceWish

export const WEIGHTS_DEFAULTS = { useL2Norm: false } as const

export const EXTRACT_DEFAULTS = {
  ...WEIGHTS_DEFAULTS,
  batchSize: 'auto',
  numWorkers: 'auto',
  mergeEmbs: true,
  splitThreshold: 1_000_000,
  cache: true,
  device: DEVICE_DEFAULT,
} as const

export const SEARCH_DEFAULTS = { floor: 0.5, topK: 100, engine: 'auto', device: DEVICE_DEFAULT } as const

export const LABEL_DEFAULTS = {
  removeDuplicates: true,
  duplicateThresh: 0.9,
  method: 'components',
  saveGroups: 50,
  dryRun: false,
} as const

export const CLUSTER_DEFAULTS = {
  ...LABEL_DEFAULTS,
  topK: SEARCH_DEFAULTS.topK,
  engine: SEARCH_DEFAULTS.engine,
  device: SEARCH_DEFAULTS.device,
  keepEdges: true,
} as const

export const THRESHOLDS_DEFAULTS = {
  removeDuplicates: LABEL_DEFAULTS.removeDuplicates,
  duplicateThresh: LABEL_DEFAULTS.duplicateThresh,
  step: 0.01,
} as const

export const EVALUATE_DEFAULTS = { duplicates: true, step: THRESHOLDS_DEFAULTS.step, worst: 10 } as const

export const REPORT_DEFAULTS = { seed: 1 } as const

/** Options of which nothing is left out that has a default. */
export type Filled<Options, Defaults> = Options & {
  [Name in keyof Options & keyof Defaults]-?: Exclude<Options[Name], undefined>
}

/** Undefined is left out, too. */
export function withDefaults<Options extends object, Defaults extends Partial<Options>>(
  options: Options,
  defaults: Defaults,
): Filled<Options, Defaults> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  // Neither spreads nor entries know which names are there.
  return { ...defaults, ...(given as Options) } as Filled<Options, Defaults>
}
