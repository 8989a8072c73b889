import { type Color, darker, mix, near } from './color.js'
import type { Random } from './random.js'

export type HairStyle =
  | 'bald'
  | 'buzz'
  | 'receding'
  | 'side-part'
  | 'fringe'
  | 'swept-back'
  | 'curly'
  | 'long'
  | 'long-fringe'
  | 'bob'
  | 'headscarf'
export type Beard = 'none' | 'stubble' | 'full' | 'goatee' | 'strap'
export type Moustache = 'none' | 'pencil' | 'thick' | 'handlebar'
export type Glasses = 'none' | 'round' | 'square' | 'half-rim'

/** A spot on the face, in head units (see head.ts). */
export interface Mark {
  x: number
  y: number
  size: number
}

/** What stays the same from picture to picture. Lengths are in head units (see head.ts). */
export interface Identity {
  skin: Color
  head: { width: number; cheek: number; jaw: number; chinWidth: number; chinY: number }
  ears: { size: number; y: number; out: number; earring: Color | undefined }
  eyes: {
    spacing: number
    y: number
    width: number
    height: number
    tilt: number
    lowerLid: number
    iris: Color
    irisSize: number
    lashes: number
    bags: number
  }
  brows: {
    thickness: number
    arch: number
    tilt: number
    lift: number
    length: number
    asymmetry: number
    color: Color
  }
  nose: { length: number; width: number; bridge: number; lift: number; tip: number }
  mouth: {
    y: number
    width: number
    upperLip: number
    lowerLip: number
    bow: number
    slant: number
    color: Color
  }
  hair: {
    style: HairStyle
    color: Color
    /** The scarf is the person's, unlike the clothes, which change. */
    scarf: Color
    line: number
    peak: number
    volume: number
    wave: number
    part: number
    seed: number
  }
  beard: Beard
  moustache: Moustache
  beardColor: Color
  blush: number
  wrinkles: number
  freckles: readonly Mark[]
  moles: readonly Mark[]
  scar: { x: number; y: number; angle: number; length: number } | undefined
  glasses: { shape: Glasses; color: Color; size: number }
}

const SKIN: readonly [Color, ...Color[]] = [
  [252, 224, 204],
  [242, 202, 174],
  [232, 186, 150],
  [214, 164, 122],
  [190, 136, 94],
  [156, 104, 70],
  [120, 76, 52],
  [88, 56, 42],
]
const HAIR: readonly [Color, ...Color[]] = [
  [24, 20, 22],
  [44, 30, 26],
  [78, 48, 32],
  [116, 74, 44],
  [150, 104, 60],
  [196, 156, 96],
  [226, 200, 146],
  [150, 66, 34],
  [188, 92, 46],
  [150, 150, 154],
  [218, 216, 212],
]
const DYED: readonly [Color, ...Color[]] = [
  [196, 70, 120],
  [60, 110, 170],
  [110, 70, 150],
  [40, 130, 110],
]
const IRIS: readonly [Color, ...Color[]] = [
  [58, 36, 24],
  [88, 56, 30],
  [128, 88, 44],
  [110, 120, 60],
  [70, 120, 96],
  [84, 130, 170],
  [120, 150, 176],
  [96, 104, 112],
]
const FABRIC: readonly [Color, ...Color[]] = [
  [46, 60, 92],
  [120, 40, 60],
  [70, 100, 84],
  [210, 190, 170],
  [150, 110, 150],
  [40, 40, 46],
  [190, 120, 70],
]

export function createIdentity(random: Random): Identity {
  const masculine = random.chance(0.5)
  const skin = near(random.pick(SKIN), 8, random)
  const hairColor = random.chance(0.1)
    ? near(random.pick(DYED), 20, random)
    : near(random.pick(HAIR), 14, random)
  const width = random.between(36.5, 45)

  return {
    skin,
    head: {
      width,
      cheek: width * random.between(0.93, 1.04),
      jaw: width * (masculine ? random.between(0.76, 0.96) : random.between(0.68, 0.88)),
      chinWidth: masculine ? random.between(9, 18) : random.between(6, 13),
      chinY: random.between(33, 42),
    },
    ears: {
      size: random.between(6.5, 11.5),
      y: random.between(-18, -10),
      out: random.between(0.5, 4.5),
      earring: random.chance(masculine ? 0.06 : 0.35)
        ? random.pick([
            [224, 190, 90],
            [214, 218, 226],
            [190, 60, 70],
            [60, 130, 160],
          ])
        : undefined,
    },
    eyes: {
      spacing: random.between(15.2, 20),
      y: random.between(-22, -18),
      width: random.between(5.6, 8.8),
      height: random.between(2.9, 5.4),
      tilt: random.between(-0.2, 0.14),
      lowerLid: random.between(0.45, 0.95),
      iris: near(random.pick(IRIS), 14, random),
      irisSize: random.between(2.6, 3.9),
      lashes: masculine ? random.between(0.6, 1.1) : random.between(0.9, 2.1),
      bags: random.chance(0.35) ? random.between(0.2, 0.6) : 0,
    },
    brows: {
      thickness: masculine ? random.between(1.6, 4.4) : random.between(0.9, 2.8),
      arch: random.between(0, 4.2),
      tilt: random.between(-0.1, 0.28),
      lift: random.between(7.5, 12.5),
      length: random.between(7, 11),
      asymmetry: random.around(0, 0.7),
      color: darker(
        near(mix(hairColor, [60, 44, 34], random.between(0, 0.6)), 8, random),
        random.between(0.05, 0.35),
      ),
    },
    nose: {
      length: random.between(-4.5, 4.5),
      width: random.between(4.6, 9.2),
      bridge: random.between(2, 4.6),
      lift: random.between(8, 16),
      tip: random.between(2.4, 4.8),
    },
    mouth: {
      y: random.between(17.5, 22.5),
      width: random.between(10.5, 17.5),
      upperLip: random.between(1.1, 4),
      lowerLip: random.between(1.8, 5.4),
      bow: random.between(0, 1.4),
      slant: random.around(0, 0.5),
      color: near(
        mix(skin, [176, 62, 72], masculine ? random.between(0.2, 0.5) : random.between(0.35, 0.95)),
        8,
        random,
      ),
    },
    hair: {
      style: masculine
        ? random.pick([
            'bald',
            'buzz',
            'receding',
            'side-part',
            'side-part',
            'fringe',
            'swept-back',
            'curly',
            'long',
          ])
        : random.pick([
            'side-part',
            'fringe',
            'swept-back',
            'curly',
            'long',
            'long',
            'long-fringe',
            'bob',
            'bob',
            'headscarf',
          ]),
      color: hairColor,
      scarf: near(random.pick(FABRIC), 24, random),
      line: random.between(-52, -42),
      peak: random.between(-3, 5),
      volume: random.between(3, 11),
      wave: random.between(0, 2.4),
      part: random.between(-24, 24),
      seed: random.integer(1, 0x7fffffff),
    },
    beard: masculine ? random.pick(['none', 'none', 'none', 'stubble', 'full', 'goatee', 'strap']) : 'none',
    moustache: masculine ? random.pick(['none', 'none', 'none', 'pencil', 'thick', 'handlebar']) : 'none',
    beardColor: near(darker(hairColor, 0.12), 8, random),
    blush: random.between(0, 0.45),
    wrinkles: random.chance(0.3) ? random.between(0.25, 0.7) : 0,
    freckles: random.chance(0.26)
      ? Array.from({ length: random.integer(8, 22) }, () => mark(random, 27, -14, 10, 0.45, 0.85))
      : [],
    moles: Array.from({ length: random.integer(0, 3) }, () => mark(random, 31, -38, 30, 0.9, 1.7)),
    scar: random.chance(0.14)
      ? {
          x: random.between(-26, 26),
          y: random.between(-36, 26),
          angle: random.between(0, Math.PI),
          length: random.between(5, 11),
        }
      : undefined,
    glasses: {
      shape: random.chance(0.3) ? random.pick(['round', 'square', 'half-rim']) : 'none',
      color: near(
        random.pick([
          [24, 24, 28],
          [110, 62, 34],
          [150, 40, 48],
          [190, 170, 110],
          [60, 80, 120],
        ]),
        8,
        random,
      ),
      size: random.between(9.6, 13),
    },
  }
}

function mark(
  random: Random,
  halfWidth: number,
  top: number,
  bottom: number,
  smallest: number,
  largest: number,
): Mark {
  const side = random.between(-halfWidth, halfWidth)
  const y = random.between(top, bottom)

  // Towards the chin the face is narrower.
  return { x: side * (1 - Math.max(0, y) / 60), y, size: random.between(smallest, largest) }
}
