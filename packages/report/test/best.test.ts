import { rounds, seededRandom } from '@facekit/testing'
import { expect, it } from 'vitest'
import { Best } from '../src/gather/best.js'

it.each(Array.from({ length: rounds(20, 2000) }, (_, seed) => seed))(
  'the best of many are those that a sort puts first: %i',
  (seed) => {
    const random = seededRandom(seed + 1)
    const limit = 1 + Math.floor(random() * 10)
    // Few different scores, so that many are equal.
    const scores = Array.from({ length: Math.floor(random() * 60) }, () => Math.floor(random() * 12))
    const best = new Best<number>(limit)
    scores.forEach((score, i) => best.offer(score, i))
    const sorted = scores.map((score, i) => ({ score, i })).sort((a, b) => b.score - a.score || a.i - b.i)
    expect(best.items()).toEqual(sorted.slice(0, limit).map(({ i }) => i))
  },
)
