/** Of what a truth may be. `folders` tells by the paths of images, and nothing by itself. */
export const KINDS = ['folders', 'csv', 'npy', 'meta', 'labels'] as const
export type Kind = (typeof KINDS)[number]
