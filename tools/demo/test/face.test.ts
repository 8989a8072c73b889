import { describe, expect, it } from 'vitest'
import { createConditions } from '../src/conditions.js'
import { drawFace } from '../src/face.js'
import { poseHead } from '../src/head.js'
import { createIdentity } from '../src/identity.js'
import { createRandom } from '../src/random.js'

function draw(...key: number[]): number[] {
  const random = createRandom(...key)

  return Array.from({ length: 8 }, () => random.between(0, 1))
}

describe('createRandom', () => {
  it('repeats itself for a key and differs for another', () => {
    expect(draw(1, 2)).toEqual(draw(1, 2))
    expect(draw(1, 2)).not.toEqual(draw(2, 1))
    expect(draw(1)).not.toEqual(draw(1, 0))
  })

  it('draws from the whole range and never outside of it', () => {
    const random = createRandom(3)
    const integers = Array.from({ length: 1000 }, () => random.integer(4, 8))
    const bells = Array.from({ length: 1000 }, () => random.around(10, 2))

    expect([...new Set(integers)].sort()).toEqual([4, 5, 6, 7, 8])
    expect(Math.min(...bells)).toBeGreaterThanOrEqual(4)
    expect(Math.max(...bells)).toBeLessThanOrEqual(16)
  })
})

describe('poseHead', () => {
  it('aligns the eyes as ArcFace crops do, whatever the pose', () => {
    for (let i = 0; i < 50; i++) {
      const identity = createIdentity(createRandom(i))
      const conditions = {
        ...createConditions(createRandom(i, 1)),
        jitter: { x: 0, y: 0, scale: 1, roll: 0 },
      }
      const head = poseHead(identity, conditions)
      const { spacing, y } = identity.eyes
      const [left, right] = [head.face(-spacing, y), head.face(spacing, y)]

      expect(Math.abs((left[0] + right[0]) / 2 - 56)).toBeLessThan(7)
      expect(Math.abs((left[1] + right[1]) / 2 - 51.6)).toBeLessThan(7)
    }
  })

  it('moves the tip of the nose further than the eyes when the head turns', () => {
    const identity = createIdentity(createRandom(1))
    const conditions = {
      ...createConditions(createRandom(2)),
      pitch: 0,
      jitter: { x: 0, y: 0, scale: 1, roll: 0 },
    }
    const offset = (yaw: number) => {
      const head = poseHead(identity, { ...conditions, yaw })
      const eyes =
        (head.face(-identity.eyes.spacing, identity.eyes.y)[0] +
          head.face(identity.eyes.spacing, identity.eyes.y)[0]) /
        2
      return head.face(0, identity.nose.length, identity.nose.lift)[0] - eyes
    }

    expect(Math.abs(offset(0))).toBeLessThan(0.5)
    expect(offset(0.4)).toBeGreaterThan(4)
    expect(offset(-0.4)).toBeLessThan(-4)
  })
})

describe('drawFace', () => {
  it('writes well-formed numbers for every kind of face', () => {
    for (let i = 0; i < 300; i++) {
      const svg = drawFace(createIdentity(createRandom(i)), createConditions(createRandom(i, 1)))
      expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    }
  })
})
