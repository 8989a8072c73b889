import { LABEL_DEFAULTS } from '../defaults.js'
import { cosine, cosineOrAuto, count, type Flags } from '../flags.js'
import { METHODS } from './method-names.js'

/** Of what is made of edges. */
export const LABEL_FLAGS = {
  'remove-duplicates': {
    type: 'boolean',
    default: LABEL_DEFAULTS.removeDuplicates,
    describe: 'Keep one image of each set of duplicates',
  },
  'duplicate-thresh': {
    type: 'string',
    default: String(LABEL_DEFAULTS.duplicateThresh),
    coerce: cosine('duplicate-thresh'),
    describe: 'Cosine at or above which two images are duplicates',
  },
  method: {
    choices: METHODS,
    default: LABEL_DEFAULTS.method,
    describe: 'components: whoever is connected is one person; communities: persons do not chain',
  },
  'cluster-thresh': {
    type: 'string',
    coerce: cosineOrAuto('cluster-thresh'),
    describe:
      'Cosine at or above which two images are the same person; auto, for communities: where strangers end  [default: 0.7; auto for communities]',
  },
  'save-groups': {
    type: 'string',
    default: String(LABEL_DEFAULTS.saveGroups),
    coerce: count('save-groups', 0),
    describe: 'Largest classes to save previews of; 0 for none',
  },
  'keep-names': {
    type: 'boolean',
    describe:
      'Classes keep the names of the labels that are there; --no-keep-names numbers them by size  [default: where images were added, and from then on]',
  },
  'names-of': {
    type: 'string',
    describe: 'Folder with the labels whose names are kept  [default: the output]',
  },
} as const satisfies Flags

/** Of the commands that write labels. */
export const DRY_RUN_FLAG = {
  'dry-run': {
    type: 'boolean',
    default: LABEL_DEFAULTS.dryRun,
    describe: 'Say what labels would come of it, and leave those in the output as they are',
  },
} as const satisfies Flags
