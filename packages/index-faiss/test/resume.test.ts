import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { filesOfProgress, searchNeighbors, type Engine, type SearchOptions } from '../src/index.js'
import { NOTHING_DONE, pairsDoneAt, type Frontier } from '../src/plan/frontier.js'
import { wholeRegion, type Region, type Strip } from '../src/plan/pairs.js'
import { FrontierTracker } from '../src/plan/frontier-tracker.js'
import { pairsOf, planOf, unitsOf, type Unit } from '../src/plan/tile-plan.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { DyingCheckpoints } from './dying-checkpoints.js'
import { findEdges, galleryOf } from './find-edges.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-resume-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a search that dies', () => {
  it('is gone on with to the same edges, by other engines and numbers of threads, too', async () => {
    const random = seededRandom(41)
    const rows = normalRows(random, 3000, 16, { perIdentity: 5, spread: 0.3 })
    const gallery = galleryOf(rows, 16)
    for (let round = 0; round < rounds(6, 60); round++) {
      const topK = [2, 4, 100, Infinity][round % 4]!
      const expected = await findEdges(gallery, { threshold: 0.8, topK })
      let progress: unknown
      for (let lives = 0; ; lives++) {
        const checkpoints = new DyingCheckpoints(progress, Math.floor(random() * 12))
        const engine: Engine = random() < 0.5 ? 'screened' : 'tiles'
        const options: SearchOptions = {
          engine,
          threshold: 0.8,
          topK,
          threads: 1 + Math.floor(random() * 2),
          memoryBytes: random() < 0.5 ? 20_000 : 2 ** 28,
          scratchFolder: folder,
          checkpoints,
        }
        const edges = await findEdges(gallery, options).catch((error: unknown) => {
          if (!String(error).includes('The search stopped')) throw error
          return undefined
        })
        if (edges) {
          expect(edges, `round ${round}, after ${lives} deaths`).toEqual(expected)
          break
        }
        progress = checkpoints.recorded
        const named = filesOfProgress(folder, progress)
        for (const name of readdirSync(folder)) if (!named.has(name)) rmSync(join(folder, name))
        expect(readdirSync(folder).sort()).toEqual([...named].sort())
      }
    }
    expect(await findEdges(gallery, { threshold: 0.8, topK: 4 })).toEqual(bruteForceEdges(rows, 0.8, 4))
  })

  it('or is stopped, has recorded what it did', async () => {
    const rows = normalRows(seededRandom(42), 6000, 16, { perIdentity: 3, spread: 0.1 })
    const gallery = galleryOf(rows, 16)
    const checkpoints = new DyingCheckpoints(undefined, Infinity)
    let seen = 0
    const stream = searchNeighbors(gallery, {
      threshold: 0.9,
      topK: 10,
      threads: 1,
      scratchFolder: folder,
      checkpoints,
      onProgress: (done, pairs) => {
        seen = done
        if (done > pairs / 2) stream.destroy()
      },
    })
    stream.resume()
    await new Promise((resolve) => stream.once('close', resolve))
    const { frontier } = checkpoints.recorded as { frontier: Frontier }
    expect(pairsDoneAt(frontier, wholeRegion(6000))).toBe(seen)
    let first: number | undefined
    const onProgress = (done: number) => (first ??= done)
    const again = { threshold: 0.9, topK: 10, scratchFolder: folder, onProgress }
    const edges = await findEdges(gallery, {
      ...again,
      checkpoints: new DyingCheckpoints(checkpoints.recorded, 1e9),
    })
    expect(first).toBe(seen)
    expect(edges).toEqual(await findEdges(gallery, { threshold: 0.9, topK: 10 }))
  })

  it.each([
    {},
    { frontier: {} },
    { frontier: NOTHING_DONE },
    { frontier: NOTHING_DONE, pieces: [null] },
    { frontier: { sources: 3, nextSources: 3, targets: 3 }, pieces: [] },
    7,
  ])('with the record %j is refused', async (resumed) => {
    const gallery = galleryOf([Float32Array.of(1), Float32Array.of(1)], 1)
    const checkpoints = new DyingCheckpoints(resumed, 9)
    const options = { threshold: 0.5, topK: 2, scratchFolder: folder, checkpoints }
    await expect(findEdges(gallery, options)).rejects.toMatchObject({ code: 'RUN_DAMAGED' })
  })
})

describe('a frontier', () => {
  it('leaves out no pair that is not done, by any plan and of any region, and counts those that are', () => {
    const random = seededRandom(43)
    for (let round = 0; round < rounds(200, 5000); round++) {
      const rows = 2 + Math.floor(random() * 60)
      const region = round % 2 ? wholeRegion(rows) : someRegion(rows, random)
      const isOf = (a: number, b: number) =>
        region.strips.some(
          (one) => a >= one.firstSource && a < one.endSource && b >= one.firstTarget && b < one.endTarget,
        )
      const pairs: [number, number][] = []
      for (let a = 0; a < rows; a++) for (let b = a + 1; b < rows; b++) if (isOf(a, b)) pairs.push([a, b])
      const planned = () => planOf(rows, 1 + Math.floor(random() * 9), 1 + Math.floor(random() * 4))
      let frontier: Frontier = NOTHING_DONE
      const isDone = ([a, b]: [number, number]) =>
        a < frontier.sources || (a < frontier.nextSources && b < frontier.targets)
      const done = new Set<string>()
      for (let lives = 0; lives < 3; lives++) {
        const plan = planned()
        const units = [...unitsOf(plan, region, frontier)]
        // Units end in almost the order in which they begin; or one of two is far ahead with its own.
        const hasOwners = random() < 0.5
        const ownerOf = ({ galleryTile }: Unit) => galleryTile % 2
        const tracker = new FrontierTracker(plan, region, frontier, hasOwners ? ownerOf : undefined)
        const placeOf = (unit: Unit, i: number) =>
          hasOwners ? i / (1 + 5 * ownerOf(unit)) : i + 3 * random()
        const order = units.map((unit, i) => ({ unit, at: placeOf(unit, i) })).sort((a, b) => a.at - b.at)
        const finished = lives === 2 ? order : order.slice(0, Math.floor(random() * order.length))
        for (const { unit } of finished) {
          tracker.finish(unit)
          let ofRegion = 0
          for (const [a, b] of pairsOfUnit(unit, rows, plan.tileRows)) {
            done.add(`${a}-${b}`)
            if (isOf(a, b)) ofRegion++
          }
          expect(pairsOf(plan, unit, region)).toBe(ofRegion)
        }
        frontier = tracker.frontier
        expect(pairsDoneAt(frontier, region)).toBe(pairs.filter(isDone).length)
        for (const pair of pairs.filter(isDone)) expect(done.has(pair.join('-'))).toBe(true)
      }
      expect(pairsDoneAt(frontier, region)).toBe(pairs.length)
    }
  })

  /** Up to three strips one below the other, of any columns. */
  function someRegion(rows: number, random: () => number): Region {
    const below = (most: number) => Math.floor(random() * (most + 1))
    const strips: Strip[] = []
    for (let firstSource = below(rows); strips.length < 3 && firstSource < rows;) {
      const endSource = firstSource + 1 + below(rows - firstSource - 1)
      const firstTarget = below(rows)
      strips.push({ firstSource, endSource, firstTarget, endTarget: firstTarget + below(rows - firstTarget) })
      firstSource = endSource + below(3)
    }
    return { strips, bandRows: Infinity }
  }

  function* pairsOfUnit(unit: Unit, rows: number, tileRows: number): Generator<[number, number]> {
    const end = Math.min(rows, Math.min(unit.endQueryTile, unit.galleryTile + 1) * tileRows)
    for (let a = unit.firstQueryTile * tileRows; a < end; a++) {
      const first = Math.max(a + 1, unit.galleryTile * tileRows)
      for (let b = first; b < Math.min(rows, (unit.galleryTile + 1) * tileRows); b++) yield [a, b]
    }
  }
})
