import { css, darker, lighter, mix } from '../color.js'
import type { Conditions } from '../conditions.js'
import type { Head, Point } from '../head.js'
import type { Identity } from '../identity.js'
import { curve, dot, element, filled, line, oval, polygon, stroked } from '../svg.js'

const STEPS = [-1, -0.8, -0.5, -0.2, 0.15, 0.5, 0.8, 1]

export function drawEyes(identity: Identity, conditions: Conditions, head: Head): string {
  return eye(identity, conditions, head, -1) + eye(identity, conditions, head, 1)
}

function eye(identity: Identity, conditions: Conditions, head: Head, side: number): string {
  const { eyes, skin } = identity
  const { expression, light } = conditions
  const open = expression.eyeOpen
  // A smile pushes the lower lid up.
  const lower = eyes.height * eyes.lowerLid * Math.min(open, 1) * (1 - 0.25 * Math.max(0, expression.smile))
  const upper = eyes.height * open
  const at = (x: number, y: number) => head.face(side * (eyes.spacing + x), eyes.y + y + x * eyes.tilt)
  const lid = (height: number) => STEPS.map((t) => at(t * eyes.width, height * (1 - Math.abs(t) ** 2.2)))
  const top = lid(-upper)
  const bottom = lid(lower)
  const shape = polygon([...top, ...[...bottom].reverse()])

  const clip = `eye${side}`
  const gaze: Point = at(expression.gazeX * side * 1.6, expression.gazeY * 1.2 - 0.3)
  const glint: Point = [gaze[0] - Math.cos(light.angle) * 1.1, gaze[1] - 1.1]
  const ball =
    filled(shape, '#f4f1ee') +
    dot(gaze, eyes.irisSize, css(darker(eyes.iris, 0.45))) +
    dot(gaze, eyes.irisSize * 0.84, css(eyes.iris)) +
    oval(
      [gaze[0], gaze[1] + eyes.irisSize * 0.35],
      eyes.irisSize * 0.6,
      eyes.irisSize * 0.4,
      css(lighter(eyes.iris, 0.22)),
    ) +
    dot(gaze, eyes.irisSize * 0.46, '#0d0a0c') +
    dot(glint, 0.75, '#fff')
  const crease = STEPS.map((t) => at(t * eyes.width * 1.08, -upper * (1 - Math.abs(t) ** 2.2) - 2.1))
  const bag = STEPS.map((t) => at(t * eyes.width * 0.9, lower * (1 - t * t) + 3.2 - Math.abs(t)))
  const lash = [...top.slice(-4), at(eyes.width * 1.06 + eyes.lashes * 0.5, -eyes.lashes * 0.8)]

  return (
    oval(at(0, -1), eyes.width * 1.5, 7.5, 'url(#socket)') +
    element('clipPath', { id: clip }, filled(shape, '#000')) +
    element('g', { 'clip-path': `url(#${clip})` }, ball) +
    stroked(line(crease), css(darker(skin, 0.32)), 0.7) +
    (eyes.bags > 0
      ? stroked(line(bag), css(darker(mix(skin, [120, 60, 90], 0.3), 0.25)), 1, { opacity: eyes.bags })
      : '') +
    stroked(line(bottom), css(darker(skin, 0.38)), 0.5) +
    stroked(line(top), '#1c1214', 0.7 + 0.45 * eyes.lashes) +
    stroked(line(lash), '#1c1214', 0.5 + 0.3 * eyes.lashes)
  )
}

export function drawBrows(identity: Identity, conditions: Conditions, head: Head): string {
  const { eyes, brows } = identity
  const raise = conditions.expression.browRaise * 1.6

  return [-1, 1]
    .map((side) => {
      const y = eyes.y - brows.lift - raise + side * brows.asymmetry
      const at = (t: number, up: number) =>
        head.face(
          side * (eyes.spacing + 0.5 + t * brows.length),
          y - up - brows.arch * (1 - (t - 0.25) ** 2) + t * brows.tilt * brows.length + brows.arch * 0.5,
          2,
        )
      const half = brows.thickness / 2
      const outline = [
        at(-1, half * 0.9),
        at(-0.3, half),
        at(0.35, half),
        at(1.05, 0.1),
        at(0.35, -half * 0.7),
        at(-0.3, -half),
        at(-0.95, -half),
      ]

      return filled(curve(outline, true), css(brows.color), { opacity: 0.93 })
    })
    .join('')
}

export function drawGlasses(identity: Identity, head: Head): string {
  const { shape, color, size } = identity.glasses
  if (shape === 'none') return ''

  const { eyes } = identity
  const frame = css(color)
  const lens = (side: number) =>
    Array.from({ length: 16 }, (_, i) => {
      const [cos, sin] = [Math.cos((i * Math.PI) / 8), Math.sin((i * Math.PI) / 8)]
      const [x, y] = shape === 'round' ? [cos, sin * 0.95] : [squared(cos), squared(sin) * 0.68]

      return head.face(side * eyes.spacing + x * size, eyes.y + 1 + y * size, 6)
    })
  const inner = eyes.spacing - size
  const bridge = [
    head.face(-inner, eyes.y - 1, 8),
    head.face(0, eyes.y - 3, 10),
    head.face(inner, eyes.y - 1, 8),
  ]
  const arm = (side: number) =>
    stroked(
      line([
        head.face(side * (eyes.spacing + size), eyes.y - 2, 6),
        head.rim(side * identity.head.cheek, eyes.y - 3, -4),
      ]),
      frame,
      1.6,
    )
  const rims = [-1, 1].map((side) => {
    const points = lens(side)
    const glass = filled(polygon(points), '#dfeaf2', { opacity: 0.16 })

    return shape === 'half-rim'
      ? glass + stroked(line(points.slice(8).concat(points.slice(0, 1))), frame, 2.2)
      : glass + stroked(polygon(points), frame, 1.5)
  })

  return rims.join('') + stroked(curve(bridge), frame, 1.5) + arm(-1) + arm(1)
}

/** Bends a circle's coordinate towards a square's (a superellipse). */
const squared = (value: number): number => Math.sign(value) * Math.sqrt(Math.abs(value))
