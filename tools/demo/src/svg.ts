import type { Point } from './head.js'

/** Two decimals: a hundredth of a pixel is below what anyone sees, and short text parses faster. */
const round = (value: number): number => Math.round(value * 100) / 100

const text = ([x, y]: Point): string => `${round(x)} ${round(y)}`

export function polygon(points: readonly Point[]): string {
  return `M${points.map(text).join('L')}Z`
}

export function line(points: readonly Point[]): string {
  return `M${points.map(text).join('L')}`
}

/** A smooth curve through all points (Catmull–Rom, written as Bézier pieces). */
export function curve(points: readonly Point[], closed = false): string {
  const count = points.length
  const at = (i: number): Point =>
    points[closed ? (i + count) % count : Math.min(count - 1, Math.max(0, i))] ?? [0, 0]
  let path = `M${text(at(0))}`

  for (let i = 0; i < (closed ? count : count - 1); i++) {
    const [before, from, to, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)]
    const leave: Point = [from[0] + (to[0] - before[0]) / 6, from[1] + (to[1] - before[1]) / 6]
    const arrive: Point = [to[0] - (after[0] - from[0]) / 6, to[1] - (after[1] - from[1]) / 6]

    path += `C${text(leave)} ${text(arrive)} ${text(to)}`
  }

  return closed ? `${path}Z` : path
}

type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, children = ''): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : value}"`)
    .join('')

  return children === '' ? `<${name}${written}/>` : `<${name}${written}>${children}</${name}>`
}

export const filled = (d: string, fill: string, more: Attributes = {}): string =>
  element('path', { d, fill, ...more })

export const stroked = (d: string, stroke: string, width: number, more: Attributes = {}): string =>
  element('path', { d, fill: 'none', stroke, 'stroke-width': width, 'stroke-linecap': 'round', ...more })

export const dot = ([cx, cy]: Point, r: number, fill: string, more: Attributes = {}): string =>
  element('circle', { cx, cy, r, fill, ...more })

export const oval = ([cx, cy]: Point, rx: number, ry: number, fill: string, more: Attributes = {}): string =>
  element('ellipse', { cx, cy, rx, ry, fill, ...more })

type Stop = readonly [offset: number, color: string, opacity?: number]

const stops = (list: readonly Stop[]): string =>
  list
    .map(([offset, color, opacity = 1]) =>
      element('stop', { offset, 'stop-color': color, 'stop-opacity': opacity }),
    )
    .join('')

/** A gradient across the whole crop, along `angle` (radians, 0 = left to right). */
export function linearGradient(id: string, angle: number, list: readonly Stop[]): string {
  const [x, y] = [Math.cos(angle) / 2, Math.sin(angle) / 2]

  return element('linearGradient', { id, x1: 0.5 - x, y1: 0.5 - y, x2: 0.5 + x, y2: 0.5 + y }, stops(list))
}

/** A gradient out of `center`, both in crop pixels. */
export function radialGradient(id: string, [cx, cy]: Point, r: number, list: readonly Stop[]): string {
  return element('radialGradient', { id, cx, cy, r, gradientUnits: 'userSpaceOnUse' }, stops(list))
}

/** A spot without an edge, for blush and shadows: far cheaper than a blur filter. */
export const softSpot = (id: string, color: string, opacity: number): string =>
  element(
    'radialGradient',
    { id },
    stops([
      [0, color, opacity],
      [0.5, color, opacity * 0.55],
      [1, color, 0],
    ]),
  )
