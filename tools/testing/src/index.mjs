export { chromium } from './chromium.mjs'
export { compare } from './compare.mjs'
export { externalModel } from './external-model.mjs'
export { HardFaces } from './hard-faces.mjs'
export { People } from './people.mjs'
export { findPythons } from './python.mjs'
export { seededRandom } from './random.mjs'
export { DEPTHS, randomWeights } from './random-weights.mjs'
export { rounds } from './rounds.mjs'
export { Variates } from './variates.mjs'
export { startSlurm, whyNoSlurm } from './slurm.mjs'
export { softwareVulkan } from './vulkan.mjs'

/** `node --import` this: see `kill-at.mjs`. */
export const KILL_AT = new URL('kill-at.mjs', import.meta.url).href
