import type { Random } from './random.js'

/** Red, green, blue, each 0 … 255. */
export type Color = readonly [red: number, green: number, blue: number]

const BLACK: Color = [0, 0, 0]
const WHITE: Color = [255, 255, 255]

export function mix(from: Color, to: Color, share: number): Color {
  return [
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
    from[2] + (to[2] - from[2]) * share,
  ]
}

export const darker = (color: Color, share: number): Color => mix(color, BLACK, share)
export const lighter = (color: Color, share: number): Color => mix(color, WHITE, share)

/** A colour near `color`: no two people's hair is quite the same brown. */
export function near(color: Color, spread: number, random: Random): Color {
  // Mostly lighter or darker, a little of another hue: independent channels turn black hair green.
  const light = random.around(0, spread)
  const bounded = (channel: number) =>
    Math.min(255, Math.max(0, channel + light + random.around(0, spread * 0.4)))

  return [bounded(color[0]), bounded(color[1]), bounded(color[2])]
}

export const css = (color: Color): string =>
  `rgb(${Math.round(color[0])},${Math.round(color[1])},${Math.round(color[2])})`
