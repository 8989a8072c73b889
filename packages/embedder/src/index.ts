export { EmbedderError } from './errors.js'
export { DEVICE_BATCH, openEmbedder } from './open-embedder.js'
export type { Embedder, EmbedderOptions, ModelBytes } from './open-embedder.js'
export { embed } from './embed.js'
