import { css, darker, lighter, mix } from '../color.js'
import type { Conditions } from '../conditions.js'
import type { Head, Point } from '../head.js'
import type { Identity } from '../identity.js'
import { curve, dot, filled, linearGradient, oval, radialGradient, stroked } from '../svg.js'

/** The outline of the head, clockwise from the crown, as places for `Head.rim`. */
export function outline(identity: Identity): readonly (readonly [x: number, y: number, z: number])[] {
  const { width, cheek, jaw, chinWidth, chinY } = identity.head
  const right: readonly (readonly [number, number, number])[] = [
    [width * 0.52, -64, -2],
    [width * 0.9, -48, -2],
    [width, -26, 0],
    [cheek, -4, 3],
    [jaw, 16, 8],
    [(jaw + chinWidth) * 0.52, chinY * 0.78, 14],
    [chinWidth, chinY - 1.6, 20],
  ]
  const left = right.map(([x, y, z]) => [-x, y, z] as const).reverse()

  return [[0, -68, -2], ...right, [0, chinY, 22], ...left]
}

export function drawNeck(identity: Identity, conditions: Conditions, head: Head): string {
  const { jaw, chinY } = identity.head
  const side = (x: number, y: number) => head.rim(x, y, -12)
  const skin = css(darker(identity.skin, 0.24))
  const column = [side(-jaw * 0.74, 8), side(jaw * 0.74, 8), side(jaw * 0.76, 70), side(-jaw * 0.76, 70)]
  const collar = [
    side(-80, chinY + 26),
    side(-jaw * 0.8, chinY + 7),
    side(0, chinY + 15),
    side(jaw * 0.8, chinY + 7),
    side(80, chinY + 26),
    side(0, 110),
  ]

  return filled(curve(column, true), skin) + filled(curve(collar, true), css(conditions.clothes))
}

export function drawEars(identity: Identity, head: Head): string {
  const { ears, skin } = identity
  const ear = (side: number) => {
    const at = (out: number, y: number) => head.rim(side * (identity.head.cheek - 2 + out), ears.y + y, -5)
    const size = ears.size
    const shell: readonly Point[] = [
      at(0, -size),
      at(ears.out + 2.5, -size * 1.05),
      at(ears.out + 5, -size * 0.3),
      at(ears.out + 2.6, size * 0.7),
      at(0, size),
    ]
    const fold: readonly Point[] = [
      at(1.5, -size * 0.5),
      at(ears.out + 2.8, -size * 0.6),
      at(ears.out + 2, size * 0.3),
    ]
    const ring = ears.earring === undefined ? '' : dot(at(ears.out + 2, size * 1.05), 1.5, css(ears.earring))

    return (
      filled(curve(shell, true), css(darker(mix(skin, [190, 80, 70], 0.12), 0.08))) +
      stroked(curve(fold), css(darker(skin, 0.3)), 0.9) +
      ring
    )
  }

  return ear(-1) + ear(1)
}

/** The skin of the face: rounder with a gradient, lit from where the light comes. */
export function drawSkull(identity: Identity, conditions: Conditions, head: Head): string {
  const { skin } = identity
  const { angle, strength } = conditions.light
  const [x, y] = head.face(0, -8)
  const lit: Point = [x - Math.cos(angle) * 24 * strength, y - Math.sin(angle) * 20 * strength]
  const shade = radialGradient('skin', lit, 66, [
    [0, css(lighter(skin, 0.08))],
    [0.5, css(skin)],
    [0.8, css(darker(skin, 0.12 + strength * 0.12))],
    [1, css(darker(skin, 0.24 + strength * 0.3))],
  ])
  const path = curve(
    outline(identity).map((place) => head.rim(...place)),
    true,
  )

  return shade + filled(path, 'url(#skin)', { stroke: css(darker(skin, 0.35)), 'stroke-width': 0.5 })
}

/** The picture-wide fall-off of the light, drawn over everything. */
export function drawLight(conditions: Conditions): string {
  const { angle, strength, highlight } = conditions.light
  const shadow = linearGradient('shadow', angle, [
    [0, '#fff', highlight],
    [0.4, '#fff', 0],
    [0.45, '#06060c', 0],
    [1, '#06060c', strength],
  ])

  return shadow + filled('M0 0H112V112H0Z', 'url(#shadow)')
}

export function drawOcclusion(conditions: Conditions): string {
  const { occlusion } = conditions
  if (occlusion === undefined) return ''

  const [dx, dy] = [Math.cos(occlusion.angle), Math.sin(occlusion.angle)]
  const distance = 74 - occlusion.reach
  const at: Point = [56 + dx * distance, 56 + dy * distance]
  const turn = `rotate(${Math.round((occlusion.angle * 180) / Math.PI)} ${at[0].toFixed(1)} ${at[1].toFixed(1)})`

  return oval(at, 24, occlusion.width, css(occlusion.color), { transform: turn })
}
