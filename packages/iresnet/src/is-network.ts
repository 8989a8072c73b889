import { ARCFACE, REVISED } from './dialects.js'

/** Whether there is a whole network of one of the dialects, by its first convolution and its last layer. */
export function isNetwork(has: (name: string) => boolean): boolean {
  return [REVISED, ARCFACE].some(
    ({ stem, head }) => has(`${stem.conv}.weight`) && has(`${head.linear}.weight`),
  )
}
