import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { choosePrefix } from '../src/tiles/choose-prefix.js'
import { CodeScreen } from '../src/tiles/code-screen.js'
import { createScreen } from '../src/tiles/screen.js'
import { cosineOf, normalRows } from './brute-force.js'
import { galleryOf } from './find-edges.js'

const dim = 256
const tileRows = 512
const screen = await createScreen(tileRows, dim)

async function choose(rows: readonly Float32Array[], threshold: number, columns = tileRows) {
  return choosePrefix({ gallery: galleryOf(rows, dim).finish(), tileRows, threshold }, screen, columns)
}

describe('choosePrefix', () => {
  const strangers = normalRows(seededRandom(1), 1100, dim, { perIdentity: 1, spread: 0 })

  it('takes some of the components where strangers are nearly orthogonal', async () => {
    const { prefix, flaggedShare } = await choose(strangers, 0.7)
    expect(flaggedShare).toBeLessThan(0.01)
    expect(prefix).toBeLessThan(dim)
    expect(prefix).toBeGreaterThan(32)
  })

  it('takes more where tiles have more columns, and a row more occasions to pass', async () => {
    const grown: number[] = []
    for (const threshold of [0.5, 0.55, 0.6, 0.65, 0.7, 0.75]) {
      const { prefix } = await choose(strangers, threshold)
      grown.push((await choose(strangers, threshold, 2 ** 20)).prefix - prefix)
    }
    expect(Math.min(...grown)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...grown)).toBeGreaterThan(0)
  })

  it('takes all where the last tell as much as the others together', async () => {
    const rows = strangers.map((row) => row.map((value, i) => (i < dim - 16 ? value / 100 : value)))
    expect((await choose(rows, 0.7)).prefix).toBe(dim)
  })

  it('says where a screen is of no use', async () => {
    const alike = normalRows(seededRandom(2), 1100, dim, { perIdentity: 1100, spread: 0.2 })
    expect(await choose(alike, 0.7)).toEqual({ prefix: dim, flaggedShare: 1 })
  })
})

it('a screen by few components lets every pair pass', async () => {
  const random = seededRandom(3)
  const rows = normalRows(random, 400, dim, { perIdentity: 1, spread: 0 })
  // Alike in what the screen does not see, or in what it sees.
  for (const row of rows.slice(0, 100)) {
    const isShared = random() < 0.5 ? (i: number) => i >= 32 : (i: number) => i % 4 !== 3
    rows.push(row.map((value, i) => (isShared(i) ? value : random() - 0.5)))
  }
  const gallery = galleryOf(rows, dim).finish()
  for (const threshold of [0, 0.5, 0.7, 0.8, 0.9]) {
    const codes = new CodeScreen({ gallery, tileRows, threshold: Math.fround(threshold), prefix: 32 }, screen)
    const unit = { group: 0, firstQueryTile: 0, endQueryTile: 1, galleryTile: 0 }
    codes.load(unit)
    const flagged = new Set((await codes.flag(0, unit, 32)).map(({ source, block }) => `${source} ${block}`))
    codes.close()
    let pairs = 0
    rows.forEach((row, i) => {
      for (let j = i + 1; j < rows.length; j++) {
        if (cosineOf(row, rows[j]!) < threshold) continue
        pairs++
        expect(flagged.has(`${i} ${Math.floor(j / 64)}`)).toBe(true)
      }
    })
    expect(pairs).toBeGreaterThan(10)
  }
})
