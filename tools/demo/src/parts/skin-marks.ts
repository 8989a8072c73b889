import { css, darker, mix } from '../color.js'
import type { Head } from '../head.js'
import type { Identity } from '../identity.js'
import { curve, dot, line, oval, stroked } from '../svg.js'

/** Blush, freckles, moles, wrinkles and scars: what sits flat on the skin. */
export function drawSkinMarks(identity: Identity, head: Head): string {
  const { skin, freckles, moles, scar, wrinkles } = identity
  const blush = [-1, 1].map((side) => oval(head.face(side * 23, 4), 9.5, 7, 'url(#blush)'))
  const freckle = css(darker(mix(skin, [150, 80, 40], 0.5), 0.15))
  const mole = css(darker(mix(skin, [70, 40, 30], 0.55), 0.4))
  const furrow = (y: number, half: number) =>
    [-1, -0.4, 0.4, 1].map((t) => head.face(t * half, y + t * t * 1.6))

  return [
    ...blush,
    ...freckles.map(({ x, y, size }) => dot(head.face(x, y), size, freckle, { opacity: 0.75 })),
    ...moles.map(({ x, y, size }) => dot(head.face(x, y), size, mole)),
    ...(wrinkles > 0
      ? [-38, -42.5].map((y) =>
          stroked(curve(furrow(y, 15)), css(darker(skin, 0.3)), 0.8, { opacity: wrinkles }),
        )
      : []),
    scar === undefined ? '' : scarLine(scar, identity, head),
  ].join('')
}

function scarLine(scar: NonNullable<Identity['scar']>, identity: Identity, head: Head): string {
  const [dx, dy] = [(Math.cos(scar.angle) * scar.length) / 2, (Math.sin(scar.angle) * scar.length) / 2]
  const ends = line([head.face(scar.x - dx, scar.y - dy), head.face(scar.x + dx, scar.y + dy)])

  return (
    stroked(ends, css(mix(identity.skin, [214, 120, 116], 0.6)), 1.6) +
    stroked(ends, css(darker(identity.skin, 0.4)), 0.5)
  )
}
