import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { gather } from '../src/gather/gather.js'
import { LIMITS, MOST_PICTURES, ReportError } from '../src/index.js'
import { addBlended, Faces, madeUp } from './made-up.js'

/** Persons with nothing the matter. */
function addPersons(faces: Faces, persons: number, pictures: number): void {
  for (let i = 0; i < persons; i++) {
    const person = faces.person()
    for (let picture = 0; picture < pictures; picture++) faces.add([person])
  }
}

describe('a report finds', () => {
  it('two persons that one edge joins', async () => {
    const faces = new Faces()
    addPersons(faces, 20, 6)
    const [one, other, between] = [faces.person(), faces.person(), faces.person()]
    const first = Array.from({ length: 7 }, () => faces.add([one]))
    const second = Array.from({ length: 5 }, () => faces.add([other]))
    // More alike to one another than to their persons.
    const ends = [one, other].map((person) => faces.add([person, between], 0.1, [4, 5]))
    const sources = await madeUp(faces.rows)
    expect(new Set([...first, ...second].map((row) => sources.classOf[row])).size).toBe(1)

    const { bridges, sheets } = await gather(sources, 1)
    expect(bridges!.classes).toBe(1)
    const { class: number, size, halves } = bridges!.bridges[0]!
    expect([number, size]).toEqual([sources.classOf[first[0]!], 14])
    expect(halves.map((half) => half.size).sort()).toEqual([6, 8])
    expect(halves.map(({ end }) => end).sort()).toEqual(ends)
    for (const { end, rows } of halves) {
      expect(end === ends[0] ? first : second).toEqual(expect.arrayContaining(rows))
    }
    expect(sheets.largest[0]!.class).toBe(number)
  })

  it('one person in two classes', async () => {
    const faces = new Faces(2)
    addPersons(faces, 20, 6)
    const [person, young, old] = [faces.person(), faces.person(), faces.person()]
    const mode = (direction: Float32Array) =>
      Array.from({ length: 8 }, () => faces.add([person, direction], 0.6, [1, 0.9]))
    const [before, after] = [mode(young), mode(old)]
    const sources = await madeUp(faces.rows)
    const numbers = [before, after].map((rows) => sources.classOf[rows[0]!])
    expect(numbers[0]).not.toBe(numbers[1])

    const { alike } = await gather(sources, 1)
    expect(alike!.pairs[0]!.classes).toEqual(numbers.sort())
    expect(alike).toMatchObject({ count: 1, largest: 22, compared: 22 })
    const { nearest } = alike!.pairs[0]!
    expect(before.concat(after)).toEqual(expect.arrayContaining([nearest.source, nearest.target]))
  })

  it('a chain of blurred faces', async () => {
    const faces = new Faces(3)
    addPersons(faces, 20, 6)
    const links = Array.from({ length: 11 }, () => faces.person())
    const chain = Array.from({ length: 9 }, (_, i) => faces.add(links.slice(i, i + 3), 0.1))
    const sources = await madeUp(faces.rows)
    const [number] = new Set(chain.map((row) => sources.classOf[row]!))

    const { sheets } = await gather(sources, 1)
    expect(sheets.loose[0]!.class).toBe(number)
    expect(sheets.loose[0]!.cohesion!.share).toBeCloseTo(8 / 36)
    for (const { cohesion } of sheets.loose.slice(1)) expect(cohesion!.share).toBeGreaterThan(0.8)
  })

  it.each([
    ['all edges', 100],
    // Each row lists none but its own person.
    ['lists shorter than a person', 12],
  ])('two persons whom blended faces join: %s', async (_what, topK) => {
    const faces = new Faces(13)
    addPersons(faces, 20, 8)
    const rows = addBlended(faces, 30)
    const sources = await madeUp(faces.rows, {}, topK)
    const [number, ...others] = new Set(rows.map((row) => sources.classOf[row]!))
    expect(others).toEqual([])

    const { bridges, loose, sheets } = await gather(sources, 1)
    expect(bridges!.classes).toBe(0)
    expect(loose!.doubtful).toBe(1)
    expect(sheets.loose[0]).toMatchObject({ class: number, cohesion: { of: topK > 62 ? 'pairs' : 'drawn' } })
    expect(sheets.loose[0]!.cohesion!.share).toBeCloseTo(0.52, 1)
    expect(sheets.loose[0]!.groups).toBeLessThan(0.3)
    expect(sheets.loose.slice(1).map(({ groups }) => groups)).not.toContain(expect.any(Number))

    const alone = await gather(await madeUp(faces.rows, { embeddings: undefined }, topK), 1)
    expect([alone.loose!.by, alone.loose!.doubtful]).toEqual(['edges', topK > 62 ? 1 : 0])
  })

  it('no two persons in one whose faces are hardly alike', async () => {
    const faces = new Faces(14)
    for (let i = 0; i < rounds(10, 200); i++) {
      const person = faces.person()
      for (let picture = 0; picture < 12; picture++) faces.add([person], 0.98)
    }
    const { loose } = await gather(await madeUp(faces.rows), 1)
    expect(loose!.count).toBeGreaterThan(0)
    expect(loose!.doubtful).toBe(0)
  })

  it('duplicates beside what stayed, and pairs beside a threshold', async () => {
    const faces = new Faces(4)
    addPersons(faces, 10, 6)
    const person = faces.person()
    const stays = faces.add([person])
    const copies = [0.05, 0.08].map((noise) => faces.add([faces.rows[stays]!], noise))
    const { duplicates, edges, pictures } = await gather(await madeUp(faces.rows), 1)
    expect(duplicates).toHaveLength(1)
    expect(duplicates[0]).toMatchObject({ stays, count: 2 })
    expect(duplicates[0]!.copies.map(({ row }) => row)).toEqual(copies)
    for (const { cosine } of duplicates[0]!.copies) expect(cosine).toBeGreaterThan(0.97)
    expect(pictures.get(copies[1]!)!.path).toBe(`faces/${copies[1]}.jpg`)

    const { below, above } = edges!.nearClass
    const cosines = [...below]
      .reverse()
      .concat(above)
      .map(({ similarity }) => similarity)
    expect(cosines).toEqual([...cosines].sort((a, b) => a - b))
    const rows = above.flatMap(({ source, target }) => [source, target])
    expect(new Set(rows).size).toBe(rows.length)
  })

  it('the face that is of somebody else, last in its class', async () => {
    const faces = new Faces(5)
    const [person, other] = [faces.person(), faces.person()]
    for (let i = 0; i < 40; i++) faces.add([person], 0.3)
    const stranger = faces.add([person, other], 0.1)
    const { sheets } = await gather(await madeUp(faces.rows), 1)
    expect(sheets.largest[0]).toMatchObject({ size: 41, compared: 41 })
    expect(sheets.largest[0]!.faces).toHaveLength(LIMITS.largestFaces)
    expect(sheets.largest[0]!.faces.at(-1)!.row).toBe(stranger)
  })
})

describe('a report', () => {
  it('draws by its seed', async () => {
    const faces = new Faces(6)
    addPersons(faces, 60, 6)
    const sources = await madeUp(faces.rows)
    const [one, same, other] = [await gather(sources, 1), await gather(sources, 1), await gather(sources, 2)]
    expect(same).toEqual(one)
    const drawn = ({ sheets }: typeof one) => sheets.random.map((sheet) => sheet.class)
    expect(drawn(one)).toHaveLength(LIMITS.sheetClasses)
    expect(drawn(other)).not.toEqual(drawn(one))
  })

  it('shows no more pictures than it says, and each once', async () => {
    const faces = new Faces(7)
    addPersons(faces, 150, 7)
    const person = faces.person()
    for (let i = 0; i < 100; i++) faces.add([person], 0.3)
    let made = 0
    const thumbnail = async () => Buffer.from(String(made++))
    const { pictures } = await gather(await madeUp(faces.rows, { thumbnail }), 1)
    expect(made).toBe(pictures.size)
    expect(pictures.size).toBeLessThanOrEqual(MOST_PICTURES)
  })

  it('says why a picture is not there', async () => {
    const faces = new Faces(8)
    addPersons(faces, 2, 3)
    const thumbnail = async () => {
      throw Object.assign(new Error('faces/0.jpg: no such file'), { reason: 'no such file' })
    }
    const { pictures } = await gather(await madeUp(faces.rows, { thumbnail }), 1)
    expect(pictures.get(0)).toEqual({ path: 'faces/0.jpg', reason: 'no such file' })
  })

  it('refuses embeddings that are not those of the edges', async () => {
    const [faces, others] = [new Faces(9), new Faces(10)]
    for (const some of [faces, others]) addPersons(some, 10, 4)
    const { embeddings } = await madeUp(others.rows)
    await expect(gather(await madeUp(faces.rows, { embeddings }), 1)).rejects.toThrow(ReportError)
    const { embeddings: fewer } = await madeUp(others.rows.slice(1))
    await expect(gather(await madeUp(faces.rows, { embeddings: fewer }), 1)).rejects.toThrow('39 rows')
  })

  it('refuses edges that begin above a threshold of the labels', async () => {
    const faces = new Faces(9)
    addPersons(faces, 10, 4)
    const { run, edges } = await madeUp(faces.rows)
    const withRun = async (more: object) =>
      gather(await madeUp(faces.rows, { run: { ...run!, ...more }, edges }), 1)
    await expect(withRun({ clusterThresh: 0.3 })).rejects.toThrow(/begin at 0.3 or below.*begin at 0.350/)
    await expect(withRun({ duplicateThresh: 0.34 })).rejects.toThrow(ReportError)
    await withRun({ clusterThresh: 0.35, duplicateThresh: null })
  })

  it('takes classes of any names for what they are, from the largest on', async () => {
    const labels = {
      rows: 7,
      async *batches() {
        yield {
          firstRow: 0,
          indices: Uint32Array.of(0, 1, 2, 3, 4, 5, 6),
          classOf: Int32Array.of(70_000, 12, 3, 12, -1, 2 ** 31 - 1, 3),
          duplicateOf: Float64Array.of(-1, -1, -1, -1, -1, -1, -1),
        }
      },
      paths: async (rows: readonly number[]) => rows.map(String),
    }
    const alone = { labels, run: undefined, embeddings: undefined, edges: undefined }
    const { classes, sheets } = await gather(await madeUp([], alone), 1)
    expect([...classes.sizes]).toEqual([2, 2, 1, 1])
    expect([...classes.classOf]).toEqual([2, 0, 1, 0, -1, 3, 1])
    const names = ['group_0012', 'group_0003', 'group_70000', 'group_2147483647']
    expect([0, 1, 2, 3].map((number) => classes.nameOf(number))).toEqual(names)
    expect(sheets.largest.map(({ faces }) => faces.map(({ row }) => row))).toEqual([
      [1, 3],
      [2, 6],
    ])
  })

  it('is made of labels alone, if need be', async () => {
    const faces = new Faces(11)
    addPersons(faces, 5, 4)
    const nothing = { run: undefined, embeddings: undefined, edges: undefined }
    const { edges, bridges, alike, sheets } = await gather(await madeUp(faces.rows, nothing), 1)
    expect([edges, bridges, alike]).toEqual([undefined, undefined, undefined])
    expect(sheets.largest[0]!.faces[0]!.cosine).toBeUndefined()
    expect(sheets.loose).toEqual([])
  })

  it('is made of nothing', async () => {
    const { sheets, duplicates, pictures } = await gather(await madeUp([]), 1)
    expect(Object.values(sheets).flat()).toEqual([])
    expect(duplicates).toEqual([])
    expect(pictures.size).toBe(0)
  })

  it('groups what failed by reason, whatever the numbers in it', async () => {
    const random = seededRandom(1)
    const faces = new Faces(12)
    addPersons(faces, 2, 3)
    async function* failures() {
      for (let index = 0; index < 100; index++)
        yield { index, path: `${index}.jpg`, reason: `takes ${Math.floor(random() * 1e6)} bytes` }
      yield { index: 100, path: 'x.jpg', reason: 'no such file' }
    }
    const { failures: found } = await gather(await madeUp(faces.rows, { failures: failures() }), 1)
    expect(found!.count).toBe(101)
    expect(found!.groups.map(({ count, paths }) => [count, paths.length])).toEqual([
      [100, LIMITS.failedPaths],
      [1, 1],
    ])
  })
})
