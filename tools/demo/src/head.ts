import type { Conditions } from './conditions.js'
import type { Identity } from './identity.js'

/**
 * Head units: x to the picture's right, y down, z towards the camera, one unit about one pixel of
 * the finished crop, the origin between the tip of the nose and the middle of the head.
 */
export type Point = readonly [x: number, y: number]

/** Turns places on one posed head into places in the 112×112 crop. */
export interface Head {
  /** A place on the curved front of the face, `lift` units above its skin. */
  face(x: number, y: number, lift?: number): Point
  /** A place on the outline of the head as seen from the front; `z` says how far forward. */
  rim(x: number, y: number, z?: number): Point
}

export const SIZE = 112

/** Where the eyes, the tip of the nose and the corners of the mouth lie in ArcFace crops. */
const TEMPLATE: readonly Point[] = [
  [38.29, 51.7],
  [73.53, 51.5],
  [56.03, 71.74],
  [41.55, 92.37],
  [70.73, 92.2],
]

const CAMERA_DISTANCE = 330

export function poseHead(identity: Identity, conditions: Conditions): Head {
  const { yaw, pitch, jitter } = conditions
  const turn = rotation(yaw, pitch)
  const place = (x: number, y: number, lift: number) => turn(x, y, depth(x, y, identity.head.width) + lift)

  const { eyes, nose, mouth } = identity
  const landmarks = [
    place(-eyes.spacing, eyes.y, 0),
    place(eyes.spacing, eyes.y, 0),
    place(0, nose.length, nose.lift),
    place(-mouth.width, mouth.y, 0),
    place(mouth.width, mouth.y, 0),
  ]
  // As in a real pipeline: the crop is what a similarity transform of the landmarks makes of the picture.
  const align = nudge(similarity(landmarks, TEMPLATE), jitter)

  return {
    face: (x, y, lift = 0) => align(place(x, y, lift)),
    // A skull is as wide from the side as from the front, so turning must not narrow its outline.
    rim: (x, y, z = 0) => align(turn(x / Math.cos(yaw), y, z)),
  }
}

/** An ellipsoid; beyond its edge the skin is flat, so that hair and beards have somewhere to go. */
function depth(x: number, y: number, width: number): number {
  return 35 * Math.sqrt(Math.max(0.03, 1 - (x / (width * 1.08)) ** 2 - ((y + 8) / 82) ** 2))
}

function rotation(yaw: number, pitch: number): (x: number, y: number, z: number) => Point {
  const [sinYaw, cosYaw, sinPitch, cosPitch] = [
    Math.sin(yaw),
    Math.cos(yaw),
    Math.sin(pitch),
    Math.cos(pitch),
  ]

  return (x, y, z) => {
    const turnedX = x * cosYaw + z * sinYaw
    const turnedZ = z * cosYaw - x * sinYaw
    const nearness = 1 + (turnedZ * cosPitch + y * sinPitch) / CAMERA_DISTANCE

    return [turnedX * nearness, (y * cosPitch - turnedZ * sinPitch) * nearness]
  }
}

/** The least-squares similarity transform; in the plane it is one complex number and an offset. */
function similarity(
  from: readonly Point[],
  to: readonly Point[],
): { a: number; b: number; x: number; y: number } {
  const [fromX, fromY] = mean(from)
  const [toX, toY] = mean(to)
  let [real, imaginary, energy] = [0, 0, 0]

  from.forEach(([px, py], i) => {
    const [qx, qy] = to[i] ?? [0, 0]
    real += (px - fromX) * (qx - toX) + (py - fromY) * (qy - toY)
    imaginary += (px - fromX) * (qy - toY) - (py - fromY) * (qx - toX)
    energy += (px - fromX) ** 2 + (py - fromY) ** 2
  })

  const a = real / energy
  const b = imaginary / energy

  return { a, b, x: toX - a * fromX + b * fromY, y: toY - b * fromX - a * fromY }
}

function nudge(
  transform: ReturnType<typeof similarity>,
  jitter: Conditions['jitter'],
): (point: Point) => Point {
  const cos = jitter.scale * Math.cos(jitter.roll)
  const sin = jitter.scale * Math.sin(jitter.roll)
  const middle = SIZE / 2

  return ([px, py]) => {
    const x = transform.a * px - transform.b * py + transform.x - middle
    const y = transform.b * px + transform.a * py + transform.y - middle

    return [cos * x - sin * y + middle + jitter.x, sin * x + cos * y + middle + jitter.y]
  }
}

function mean(points: readonly Point[]): Point {
  const sum = points.reduce<Point>(([sx, sy], [x, y]) => [sx + x, sy + y], [0, 0])

  return [sum[0] / points.length, sum[1] / points.length]
}
