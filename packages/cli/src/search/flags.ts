import { cosine, count, countOrAll, memorySize, type Flags } from '../flags.js'
import { SEARCH_DEFAULTS } from '../defaults.js'
import { DEVICE_FLAGS } from '../device-flags.js'

/** Where `extract` of the scripts leaves its files. */
export const DEFAULT_INPUT = './02_input/extrac_full'

/** Of a search, wherever it is part of. */
export const SEARCH_FLAGS = {
  ...DEVICE_FLAGS,
  floor: {
    type: 'string',
    coerce: cosine('floor'),
    describe: 'Cosine at or above which pairs are searched and stored',
  },
  'top-k': {
    type: 'string',
    default: String(SEARCH_DEFAULTS.topK),
    coerce: countOrAll('top-k'),
    describe: 'Neighbors per image, the image itself counted; all: every pair',
  },
  threads: {
    type: 'string',
    coerce: count('threads'),
    describe: 'Threads of the search on the CPU  [default: one per core]',
  },
  batch: {
    type: 'string',
    default: '20000000',
    coerce: count('batch'),
    describe: 'Rows per search chunk, at most; searches take far fewer at once by themselves',
  },
  engine: {
    choices: ['auto', 'screened', 'tiles', 'faiss'] as const,
    default: SEARCH_DEFAULTS.engine,
    describe:
      'screened: int8 tiles checked in float32; tiles: float32 tiles; faiss: FAISS IndexFlatIP. Same result; auto: screened',
  },
} as const satisfies Flags

export const MEMORY_FLAG = {
  'memory-limit': {
    type: 'string',
    coerce: memorySize('memory-limit'),
    describe:
      'Memory, such as 4GB, beside 300 MB for the program; more is kept in files  [default: half of the memory]',
  },
} as const satisfies Flags
