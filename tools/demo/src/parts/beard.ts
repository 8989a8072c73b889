import { css, darker } from '../color.js'
import type { Conditions } from '../conditions.js'
import type { Head, Point } from '../head.js'
import type { Identity } from '../identity.js'
import { curve, filled } from '../svg.js'

export function drawBeard(identity: Identity, head: Head): string {
  const { beard, beardColor, head: shape, mouth } = identity
  if (beard === 'none') return ''

  const color = css(beardColor)
  const { cheek, jaw, chinY, chinWidth } = shape
  const rim = (x: number, y: number, z: number): Point => head.rim(x, y, z)

  if (beard === 'goatee') {
    const patch = [
      head.face(-8, mouth.y + 7),
      head.face(0, mouth.y + 8.5),
      head.face(8, mouth.y + 7),
      rim(chinWidth * 0.9, chinY - 1, 20),
      rim(0, chinY + 3, 22),
      rim(-chinWidth * 0.9, chinY - 1, 20),
    ]

    return filled(curve(patch, true), color)
  }

  // The strap hugs the jaw; full beards and stubble reach up to the mouth.
  const inner = beard === 'strap' ? 0.88 : 0.62
  const extra = beard === 'full' ? 4 : 0.6
  const lower = beard === 'strap' ? chinY - 6 : mouth.y + 6.5
  const half = (side: number): Point[] => [
    rim(side * (cheek + extra * 0.2), -10, 2),
    rim(side * (jaw + extra * 0.6), 16, 8),
    rim(side * ((jaw + chinWidth) * 0.52 + extra * 0.8), chinY * 0.8, 14),
    rim(side * (chinWidth + extra * 0.4), chinY - 1 + extra, 20),
  ]
  const inside = (side: number): Point[] => [
    head.face(side * 11, lower - (beard === 'strap' ? 1 : 0)),
    head.face(side * (mouth.width + 6), mouth.y - (beard === 'strap' ? -6 : 3)),
    rim(side * jaw * (inner + 0.14), 6, 8),
    rim(side * cheek * 0.93, -10, 3),
  ]
  const path = curve(
    [
      ...half(1),
      rim(0, chinY + extra, 22),
      ...half(-1).reverse(),
      ...inside(-1).reverse(),
      head.face(0, lower + 1.5),
      ...inside(1),
    ],
    true,
  )

  return filled(path, color, { opacity: beard === 'stubble' ? 0.3 : 0.94 })
}

export function drawMoustache(identity: Identity, conditions: Conditions, head: Head): string {
  const { moustache, mouth, nose } = identity
  if (moustache === 'none') return ''

  const smile = conditions.expression.smile
  const thick = moustache === 'pencil' ? 1.5 : moustache === 'thick' ? 4.4 : 3
  const end = moustache === 'handlebar' ? -3.2 : 2
  const y = (nose.length + 5 + mouth.y - mouth.upperLip) / 2 + 0.8
  const at = (t: number, down: number) => head.face(t * mouth.width, y + down - smile * 1.6 * t * t, 3)
  const path = [
    at(0, -thick * 0.35),
    at(0.5, -thick * 0.5),
    at(0.95, end * 0.5),
    at(1.14, end),
    at(0.7, thick * 0.75),
    at(0.1, thick * 0.5),
    at(-0.1, thick * 0.5),
    at(-0.7, thick * 0.75),
    at(-1.14, end),
    at(-0.95, end * 0.5),
    at(-0.5, -thick * 0.5),
  ]

  return filled(curve(path, true), css(darker(identity.beardColor, 0.1)))
}
