import { NO_CLASS } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { clusteringOf, embeddingsOf, temporaryFolder, write } from './fixtures.js'

const DIM = 64

/** Faces of persons, each near its person's direction; two of one person have a cosine around `alike`. */
function faces(personOf: readonly number[], alike: number) {
  const units = new Map<string, Float32Array>()
  const direction = (name: string, seed: number) => {
    let unit = units.get(name)
    if (!unit) {
      const random = seededRandom(seed)
      unit = toUnit(Float32Array.from({ length: DIM }, () => random() + random() + random() - 1.5))
      units.set(name, unit)
    }
    return unit
  }
  return embeddingsOf(personOf.length, DIM, (row) => {
    const person = direction(`person ${personOf[row]}`, 100_000 + personOf[row]!)
    const own = direction(`row ${row}`, row)
    return toUnit(person.map((value, i) => Math.sqrt(alike) * value + Math.sqrt(1 - alike) * own[i]!))
  })
}

function toUnit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** `persons[p]` faces of person p, shuffled. */
function people(persons: readonly number[]): number[] {
  const random = seededRandom(1)
  return persons
    .flatMap((count, person) => Array<number>(count).fill(person))
    .map((person) => ({ person, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ person }) => person)
}

async function largestOf(personOf: readonly number[], classOf: (person: number) => number, alike = 0.65) {
  const clustering = clusteringOf(personOf.map((person) => classOf(person)))
  const { largest } = await write(await temporaryFolder(), clustering, {
    embeddings: faces(personOf, alike),
  })
  return largest!
}

describe('the largest class', () => {
  const others = Array<number>(300).fill(3)

  it('of one person, however many pictures, is no chain', async () => {
    const found = await largestOf(people([500, ...others]), (person) => person)
    expect(found).toMatchObject({ class: 'group_0000', images: 500, share: 500 / 1400, isChain: false })
    expect(found.cohesion).toBeCloseTo(0.65, 1)
    expect(found.strangers).toBeLessThan(0.01)
  })

  it.each([
    ['of many persons', [...Array<number>(100).fill(4), ...others], 100],
    ['of two persons', [60, 60, ...others], 2],
    ['of one person and many others', [200, ...Array<number>(40).fill(2), ...others], 41],
    ['that is all there is', Array<number>(300).fill(3), 300],
  ])('%s looks like a chain', async (_case, persons, chained) => {
    const found = await largestOf(people(persons), (person) => Math.max(0, person - chained + 1))
    expect(found).toMatchObject({ isChain: true })
    expect(found.strangers).toBeGreaterThan(0.3)
  })

  it.each([
    ['one', [200]],
    ['two', [200, 150]],
    ['three', [100, 100, 100]],
    ['five', [60, 50, 50, 40, 40]],
    ['one and a few', [300, 5, 5, 5]],
  ])('of one person is no chain where there is no one but %s', async (_case, persons) => {
    for (const alike of [0.5, 0.65, 0.8])
      expect(await largestOf(people(persons), (person) => person, alike)).toMatchObject({ isChain: false })
  })

  it('of few images is none, whoever they are', async () => {
    const found = await largestOf(people(Array<number>(300).fill(1)), (person) => Math.max(0, person - 18))
    expect(found).toMatchObject({ images: 19, isChain: false })
  })

  it('may have one image, or not be there', async () => {
    expect(await largestOf([0, 1, 2], (person) => person)).toEqual({
      class: 'group_0000',
      images: 1,
      share: 1 / 3,
      cohesion: 1,
      strangers: 0,
      isChain: false,
    })
    const none = await write(await temporaryFolder(), clusteringOf([NO_CLASS, NO_CLASS]))
    expect(none.largest).toBeUndefined()
    expect(none).toMatchObject({ classes: 0, singletons: 0 })
  })

  it('is told beside how many classes have one image', async () => {
    const summary = await write(await temporaryFolder(), clusteringOf([0, 0, 1, 2, NO_CLASS]))
    expect(summary).toMatchObject({ classes: 3, singletons: 2, labelled: 4 })
  })
})
