import { DEPTHS } from '@facekit/testing'

/**
 * @typedef {object} Size
 * @property {number} product rows and columns of the matrices that the peak is measured by
 * @property {{ rows: number, dim: number }} compared embeddings whose edges are compared with the CPU's
 * @property {{ rows: number, dim: number }} searched embeddings whose search is measured
 * @property {Record<string, Parameters<typeof import('@facekit/testing').randomWeights>[0]>} networks by their names
 * @property {number[]} widths of their stem and stages
 * @property {number} dim of their embeddings
 * @property {number} batch images of a forward pass
 * @property {number} batches measured, for each device
 */

/** @type {{ full: Size, small: Size }} */
export const SIZES = {
  full: {
    product: 4096,
    compared: { rows: 20_000, dim: 512 },
    searched: { rows: 262_144, dim: 512 },
    networks: {
      iresnet50: { depths: DEPTHS[50] },
      iresnet200: { depths: DEPTHS[200] },
      'ir-se-50': { depths: DEPTHS[50], dialect: 'ir', se: true },
    },
    widths: [64, 64, 128, 256, 512],
    dim: 512,
    batch: 128,
    batches: 40,
  },
  small: {
    product: 128,
    compared: { rows: 700, dim: 64 },
    searched: { rows: 700, dim: 64 },
    networks: {
      tiny: { depths: [1, 1, 1, 1] },
      'tiny ir-se': { depths: [1, 1, 1, 1], dialect: 'ir', se: true },
    },
    widths: [8, 8, 12, 16, 20],
    dim: 16,
    batch: 2,
    batches: 1,
  },
}
