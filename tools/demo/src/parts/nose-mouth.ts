import { css, darker, lighter, mix } from '../color.js'
import type { Conditions } from '../conditions.js'
import type { Head, Point } from '../head.js'
import type { Identity } from '../identity.js'
import { curve, filled, oval, stroked } from '../svg.js'

export function drawNose(identity: Identity, conditions: Conditions, head: Head): string {
  const { nose, eyes, skin } = identity
  // The shadow falls on the side away from the light.
  const side = Math.cos(conditions.light.angle) > 0 ? 1 : -1
  const tip = nose.length
  const shadow = [
    head.face(side * nose.bridge * 0.7, eyes.y + 2, 3),
    head.face(side * nose.bridge, tip - 9, nose.lift * 0.5),
    head.face(side * nose.width * 0.85, tip + 0.5, nose.lift * 0.35),
    head.face(side * nose.width, tip + 4, 2),
    head.face(0, tip + 5, nose.lift * 0.6),
    head.face(0, tip, nose.lift),
    head.face(0, tip - 12, nose.lift * 0.55),
  ]
  const wing = (way: number) => [
    head.face(way * nose.width * 0.84, tip - 1.5, nose.lift * 0.4),
    head.face(way * nose.width * 1.08, tip + 2, 2),
    head.face(way * nose.width * 0.8, tip + 4.6, 2),
  ]
  const base = [-0.72, -0.3, 0, 0.3, 0.72].map((t) =>
    head.face(t * nose.width, tip + 4.6 + 0.9 * Math.cos(t * 4), nose.lift * (0.66 - Math.abs(t) * 0.5)),
  )
  const nostril = (way: number) => head.face(way * nose.width * 0.48, tip + 4.3, nose.lift * 0.4)
  const line = css(darker(skin, 0.42))
  const ridge = [head.face(0, eyes.y + 6, nose.lift * 0.3), head.face(0, tip - 5, nose.lift * 0.8)]
  const [tipX, tipY] = head.face(0, tip - 0.5, nose.lift)

  return (
    filled(curve(shadow, true), css(darker(skin, 0.3)), { opacity: 0.2 + conditions.light.strength * 0.5 }) +
    stroked(curve(ridge), css(lighter(skin, 0.4)), nose.bridge * 0.55, { opacity: 0.3 }) +
    oval([tipX - side * 0.8, tipY], nose.tip, nose.tip * 0.8, css(lighter(skin, 0.3)), { opacity: 0.36 }) +
    stroked(curve(wing(-1)), line, 0.9) +
    stroked(curve(wing(1)), line, 0.9) +
    stroked(curve(base), line, 0.8) +
    [-1, 1].map((way) => oval(nostril(way), nose.width * 0.2, 0.95, css(darker(skin, 0.62)))).join('')
  )
}

export function drawMouth(identity: Identity, conditions: Conditions, head: Head): string {
  const { mouth, skin } = identity
  const { smile, mouthOpen } = conditions.expression
  const half = mouth.width * (1 + 0.12 * smile - 0.16 * mouthOpen)
  const gap = mouthOpen * 4.4 + Math.max(0, smile - 0.55) * 3.2
  const at = (t: number, y: number): Point =>
    // Smiling lifts the corners, and the slant is the person's own.
    head.face(t * half, mouth.y + y + t * mouth.slant - smile * 4 * (t * t - 0.35), 2)
  const corner = (t: number) => at(t, 0)
  const cupid = mouth.upperLip + mouth.bow
  const upperEdge = [
    at(-0.55, -mouth.upperLip * 0.75),
    at(-0.2, -cupid),
    at(0, -mouth.upperLip),
    at(0.2, -cupid),
    at(0.55, -mouth.upperLip * 0.75),
  ]
  const upperInner = [at(0.55, -gap * 0.12), at(0, -gap * 0.16), at(-0.55, -gap * 0.12)]
  const lowerInner = [at(-0.55, gap * 0.66), at(0, gap), at(0.55, gap * 0.66)]
  const lowerEdge = [
    at(0.55, gap * 0.7 + mouth.lowerLip * 0.8),
    at(0, gap + mouth.lowerLip),
    at(-0.55, gap * 0.7 + mouth.lowerLip * 0.8),
  ]
  const inside = curve(
    [corner(-1), ...[...upperInner].reverse(), corner(1), ...[...lowerInner].reverse()],
    true,
  )
  const teeth = curve(
    [
      at(-0.66, -gap * 0.05),
      at(0, -gap * 0.14),
      at(0.66, -gap * 0.05),
      at(0.5, gap * 0.3),
      at(0, gap * 0.44),
      at(-0.5, gap * 0.3),
    ],
    true,
  )
  const lip = mouth.color

  return (
    oval(at(0, gap + mouth.lowerLip + 3.2), half * 0.55, 1.8, css(darker(skin, 0.4)), { opacity: 0.28 }) +
    filled(curve([corner(-1), ...upperEdge, corner(1), ...upperInner], true), css(darker(lip, 0.14))) +
    filled(curve([corner(-1), ...lowerInner, corner(1), ...lowerEdge], true), css(lip)) +
    (gap > 0.5
      ? filled(inside, '#431519') + filled(teeth, '#f3eee6')
      : stroked(curve([corner(-1), ...[...upperInner].reverse(), corner(1)]), css(darker(lip, 0.55)), 0.9)) +
    oval(at(0, gap + mouth.lowerLip * 0.5), half * 0.35, mouth.lowerLip * 0.2, css(lighter(lip, 0.4)), {
      opacity: 0.5,
    }) +
    (smile > 0.2 ? smileLines(identity, head, smile) : '')
  )
}

function smileLines(identity: Identity, head: Head, smile: number): string {
  const { mouth, nose, skin } = identity
  const fold = (side: number) => [
    head.face(side * (nose.width + 2.5), nose.length + 3),
    head.face(side * (mouth.width * 0.85 + 4), mouth.y - 7.5),
    head.face(side * (mouth.width + 3.6), mouth.y - 2.5),
  ]
  const color = css(darker(mix(skin, [150, 70, 60], 0.2), 0.25))

  return [-1, 1]
    .map((side) => stroked(curve(fold(side)), color, 0.9, { opacity: 0.1 + 0.35 * smile }))
    .join('')
}
