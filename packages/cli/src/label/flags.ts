import { cosine, count, type Flags } from '../flags.js'

/** Of what is made of edges. */
export const LABEL_FLAGS = {
  'remove-duplicates': {
    type: 'boolean',
    default: true,
    describe: 'Keep one image of each set of duplicates',
  },
  'duplicate-thresh': {
    type: 'string',
    default: '0.9',
    coerce: cosine('duplicate-thresh'),
    describe: 'Cosine at or above which two images are duplicates',
  },
  'cluster-thresh': {
    type: 'string',
    default: '0.7',
    coerce: cosine('cluster-thresh'),
    describe: 'Cosine at or above which two images are the same person',
  },
  'save-groups': {
    type: 'string',
    default: '50',
    coerce: count('save-groups', 0),
    describe: 'Largest classes to save previews of; 0 for none',
  },
} as const satisfies Flags
