import type * as devices from '@facekit/devices'
import { seededRandom } from '@facekit/testing'
import { expect, it, vi } from 'vitest'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

vi.mock('@facekit/devices', async (original) => ({
  ...(await original<typeof devices>()),
  exactCodeRange: async () => undefined,
}))

it('where a CPU multiplies no codes exactly, everything is computed in float32, which is said', async () => {
  const rows = normalRows(seededRandom(7), 300, 40, { perIdentity: 4, spread: 0.5 })
  const said: string[] = []
  const found = await findEdges(galleryOf(rows, 40), {
    threshold: 0.7,
    topK: 10,
    onWarning: (text) => said.push(text),
    onScreen: () => said.push('screened'),
  })
  expect(found).toEqual(bruteForceEdges(rows, 0.7, 10))
  expect(said).toEqual(['Searching by float32 tiles: this CPU multiplies no 8-bit numbers exactly'])
})
