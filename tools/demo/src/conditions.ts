import { type Color, near } from './color.js'
import type { Random } from './random.js'

/** What a face detector leaves after alignment: a few pixels, degrees and percent. */
export interface Jitter {
  x: number
  y: number
  scale: number
  roll: number
}

/** What changes from picture to picture of one person. Angles in radians. */
export interface Conditions {
  yaw: number
  pitch: number
  jitter: Jitter
  expression: {
    smile: number
    mouthOpen: number
    eyeOpen: number
    browRaise: number
    gazeX: number
    gazeY: number
  }
  light: { angle: number; strength: number; highlight: number; gains: Color; contrast: number }
  background: { from: Color; to: Color; angle: number; seed: number; blobs: number }
  clothes: Color
  /** A hand, a microphone, somebody's shoulder: a blob that reaches in from the picture's edge. */
  occlusion: { angle: number; reach: number; width: number; color: Color } | undefined
  blur: number
  noise: { amplitude: number; seed: number }
  quality: number
}

const SCENES: readonly [Color, ...Color[]] = [
  [196, 206, 216],
  [112, 128, 146],
  [226, 214, 196],
  [92, 122, 98],
  [62, 66, 80],
  [168, 128, 102],
  [126, 164, 196],
  [214, 180, 130],
  [150, 92, 92],
  [40, 58, 84],
  [236, 238, 240],
  [96, 84, 116],
]

export function createConditions(random: Random): Conditions {
  const exposure = 2 ** random.around(-0.05, 0.13)
  const warmth = random.around(0, 0.05)

  return {
    yaw: random.around(0, 0.2),
    pitch: random.around(0, 0.12),
    jitter: {
      x: random.around(0, 0.9),
      y: random.around(0, 0.9),
      scale: random.around(1, 0.018),
      roll: random.around(0, 0.03),
    },
    expression: {
      smile: random.between(-0.2, 1),
      mouthOpen: random.chance(0.4) ? random.between(0.1, 1) : 0,
      eyeOpen: random.chance(0.06) ? random.between(0.12, 0.35) : random.between(0.62, 1.12),
      browRaise: random.around(0, 0.6),
      gazeX: random.around(0, 0.5),
      gazeY: random.around(0, 0.25),
    },
    light: {
      angle: random.between(0, 2 * Math.PI),
      strength: random.between(0.05, 0.42),
      highlight: random.between(0, 0.22),
      gains: [exposure * (1 + warmth), exposure, exposure * (1 - warmth)],
      contrast: random.around(1, 0.08),
    },
    background: {
      from: near(random.pick(SCENES), 12, random),
      to: near(random.pick(SCENES), 12, random),
      angle: random.between(0, 2 * Math.PI),
      seed: random.integer(1, 0x7fffffff),
      blobs: random.integer(0, 5),
    },
    clothes: near(random.pick(SCENES), 30, random),
    occlusion: random.chance(0.05)
      ? {
          angle: random.between(0.1 * Math.PI, 0.9 * Math.PI),
          reach: random.between(8, 20),
          width: random.between(12, 20),
          color: near(random.pick(SCENES), 20, random),
        }
      : undefined,
    blur: random.chance(0.45) ? random.between(0.3, 0.95) : 0,
    noise: { amplitude: random.chance(0.55) ? random.between(1, 7) : 0, seed: random.integer(1, 0x7fffffff) },
    quality: random.integer(62, 95),
  }
}
