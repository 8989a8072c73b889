import { DIALECTS } from './dialects/dialects.js'

/** Whether there is a whole network of one of the dialects, by its first convolution and its last layer. */
export function isNetwork(has: (name: string) => boolean): boolean {
  return DIALECTS.some(({ mark, head }) => has(mark) && has(`${head.linear}.weight`))
}
