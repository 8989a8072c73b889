/** How identities are made of edges. */
export const METHODS = ['components', 'communities'] as const
export type Method = (typeof METHODS)[number]
