/**
 * Pictures to try a model on where there are none: black, white, and noise.
 *
 * @returns each height × width × 3 uint8
 */
export function madeUpPictures({ width, height }: { width: number; height: number }): Uint8Array[] {
  const picture = (value: (at: number) => number) =>
    Uint8Array.from({ length: height * width * 3 }, (_, at) => value(at))
  return [picture(() => 0), picture(() => 255), picture(noise)]
}

/** The same each time. */
function noise(at: number): number {
  const mixed = Math.imul(at + 1, 0x9e37_79b1)
  return Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b) >>> 24
}
