import { css, darker, lighter } from '../color.js'
import type { Head, Point } from '../head.js'
import { type HairStyle, type Identity } from '../identity.js'
import { createRandom } from '../random.js'
import { curve, dot, element, filled, linearGradient, stroked } from '../svg.js'
import { outline } from './skull.js'

/** Strands that hang beside the face: how far down, in head units. */
const LENGTH: Partial<Record<HairStyle, number>> = { long: 80, 'long-fringe': 80, bob: 26 }

/** What is behind the head. */
export function drawHairBehind(identity: Identity, head: Head): string {
  const { style, color, volume, wave } = identity.hair
  const { width } = identity.head
  const bottom = LENGTH[style]
  if (bottom === undefined) return ''

  const edge = (side: number) =>
    [0, 0.25, 0.5, 0.75, 1].map((t) =>
      head.rim(
        side * (width + volume * 0.7 + 2 + (t * 3 + Math.sin(t * 12) * wave)),
        -40 + t * (bottom + 40),
        -10,
      ),
    )
  const path = curve(
    [head.rim(0, -72, -10), ...edge(1), head.rim(0, bottom + 4, -12), ...edge(-1).reverse()],
    true,
  )

  return filled(path, css(darker(color, 0.3)))
}

/** What lies on top of the head and frames the forehead. */
export function drawHairInFront(identity: Identity, head: Head): string {
  const { style } = identity.hair
  if (style === 'bald') return ''
  if (style === 'headscarf') return headscarf(identity, head)

  const color = identity.hair.color
  const path = curve([...crown(identity, head), ...hairline(identity, head)], true)
  const shade = linearGradient('hair', 1.3, [
    [0, css(lighter(color, 0.16))],
    [1, css(darker(color, 0.22))],
  ])

  if (style === 'buzz') return shade + filled(path, 'url(#hair)', { opacity: 0.62 })

  return (
    shade +
    filled(path, 'url(#hair)') +
    element('clipPath', { id: 'mane' }, filled(path, '#000')) +
    element('g', { 'clip-path': 'url(#mane)' }, strands(identity, head)) +
    (style === 'curly' ? curls(identity, head) : '') +
    sideLocks(identity, head)
  )
}

/** The outer edge of the hair, from the left temple over the crown to the right one. */
function crown(identity: Identity, head: Head): Point[] {
  const { style, volume, wave } = identity.hair
  const out = style === 'buzz' ? 0.8 : style === 'receding' ? 2 + volume * 0.35 : volume
  const arc = outline(identity)
    .filter(([, y]) => y < -20)
    .sort(([a], [b]) => a - b)

  return arc.map(([x, y, z], i) => head.rim(x * (1 + out / 60), y - out * 0.6 - (i % 2) * wave, z))
}

/** The inner edge, from the right temple over the forehead back to the left one. */
function hairline(identity: Identity, head: Head): Point[] {
  const { style, line, peak, part, wave } = identity.hair
  const width = identity.head.width
  const y: Record<HairStyle, (t: number) => number> = {
    bald: () => line,
    headscarf: () => line,
    buzz: (t) => line + peak * (1 - Math.abs(t)),
    receding: (t) => line - 4 + 8 * Math.max(0, 1 - Math.abs(t) * 2.6) - 3 * Math.sin(Math.abs(t) * Math.PI),
    'side-part': (t) => line + 2 + 9 * Math.abs(t - part / 30) - Math.sin(t * 9 + peak) * wave * 0.6,
    fringe: (t) => line + 11 + peak * 0.5 + Math.sin(t * 14 + part) * (1 + wave * 0.5),
    'swept-back': (t) => line - 3 + peak * (1 - Math.abs(t) * 2),
    curly: (t) => line + Math.cos(t * 9 + part) * (1 + wave),
    long: (t) => line - 4 + 15 * Math.abs(t - part / 60) ** 1.3,
    'long-fringe': (t) => line + 12 + peak * 0.6 + Math.abs(t) * 4 + Math.sin(t * 11 + part) * 0.9,
    bob: (t) => line + 3 + 12 * Math.abs(t - part / 26) ** 1.2,
  }
  const steps = [0.74, 0.6, 0.42, 0.22, 0, -0.22, -0.42, -0.6, -0.74]
  const temple = (side: number): Point => head.rim(side * width * 0.97, -24, 1)

  return [temple(1), ...steps.map((t) => head.face(t * width * 0.96, y[style](t))), temple(-1)]
}

/** A few lighter and darker strokes, the same for every picture of a person. */
function strands(identity: Identity, head: Head): string {
  const { color, seed, part, style, wave } = identity.hair
  const random = createRandom(seed)
  const from = style === 'side-part' || style === 'long' || style === 'bob' ? part : 0

  return Array.from({ length: 9 }, () => {
    const x = random.between(-46, 46)
    const points = [
      head.rim(from * 0.6, -74),
      head.rim((x + from) / 2, -66 + random.between(-2, 2) * wave, 2),
      head.rim(x, random.between(-50, -30), 4),
    ]
    const tone = random.chance(0.5) ? lighter(color, 0.2) : darker(color, 0.3)

    return stroked(curve(points), css(tone), random.between(0.6, 1.6), { opacity: 0.55 })
  }).join('')
}

function curls(identity: Identity, head: Head): string {
  const { color, seed, volume } = identity.hair
  const random = createRandom(seed, 1)
  const outer = crown(identity, head)
  const inner = hairline(identity, head).reverse()

  return Array.from({ length: 46 }, () => {
    const along = random.between(0, 1)
    const [outerX, outerY] = outer[Math.round(along * (outer.length - 1))] ?? [0, 0]
    const [innerX, innerY] = inner[Math.round(along * (inner.length - 1))] ?? [0, 0]
    const across = random.between(-0.1, 1)
    const at: Point = [
      outerX + (innerX - outerX) * across + random.between(-4, 4),
      outerY + (innerY - outerY) * across + random.between(-3, 2),
    ]
    const tone = random.chance(0.5)
      ? darker(color, random.between(0, 0.3))
      : lighter(color, random.between(0, 0.12))

    return dot(at, (2.6 + volume * 0.5) * random.between(0.6, 1), css(tone))
  }).join('')
}

/** Hair in front of the ears, for the styles that hang down. */
function sideLocks(identity: Identity, head: Head): string {
  const { style, color, volume, wave } = identity.hair
  const { width } = identity.head
  const bottom = LENGTH[style]
  if (bottom === undefined) return ''

  const lock = (side: number) => {
    const outer = [0, 0.3, 0.6, 1].map((t) =>
      head.rim(side * (width + volume * 0.7 + 1 + Math.sin(t * 9) * wave), -28 + t * (bottom + 26), 0),
    )
    const inner = [1, 0.6, 0.3, 0].map((t) =>
      head.rim(
        side * (width * (0.97 - 0.07 * Math.sin(t * 3)) + Math.sin(t * 8 + 1) * wave * 0.7),
        -30 + t * (bottom + 28),
        1,
      ),
    )

    return filled(curve([...outer, ...inner], true), css(darker(color, side > 0 ? 0.12 : 0.04)))
  }

  return lock(-1) + lock(1)
}

function headscarf(identity: Identity, head: Head): string {
  const { width, cheek, jaw, chinY } = identity.head
  const color = identity.hair.scarf
  const line = identity.hair.line + 1
  const outer = [
    [-width - 7, -30],
    [-width * 0.7, -66],
    [0, -78],
    [width * 0.7, -66],
    [width + 7, -30],
    [cheek + 9, 6],
    [jaw + 10, 34],
    [30, 80],
    [-30, 80],
    [-jaw - 10, 34],
    [-cheek - 9, 6],
  ] as const
  const inner = [
    [-cheek * 0.93, -24],
    [-width * 0.62, line + 5],
    [0, line - 1],
    [width * 0.62, line + 5],
    [cheek * 0.93, -24],
    [cheek * 0.92, 0],
    [jaw * 0.93, 18],
    [chinY * 0.5, chinY - 4],
    [0, chinY - 0.5],
    [-chinY * 0.5, chinY - 4],
    [-jaw * 0.93, 18],
    [-cheek * 0.92, 0],
  ] as const
  const band =
    curve(
      outer.map(([x, y]) => head.rim(x, y, -4)),
      true,
    ) +
    curve(
      inner.map(([x, y]) => head.rim(x, y, 6)),
      true,
    )
  const fold = (side: number) =>
    curve([
      head.rim(side * width * 0.5, -70),
      head.rim(side * (width + 3), -26),
      head.rim(side * (jaw + 5), 26, 6),
      head.rim(side * 8, chinY + 12, 10),
    ])

  return (
    filled(band, css(color), { 'fill-rule': 'evenodd' }) +
    [-1, 1]
      .map((side) =>
        stroked(fold(side), css(side > 0 ? darker(color, 0.3) : lighter(color, 0.2)), 1.4, { opacity: 0.6 }),
      )
      .join('')
  )
}
