import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createConditions } from './conditions.js'
import { createIdentity, type Identity } from './identity.js'
import { renderDuplicate, renderPicture } from './picture.js'
import { createRandom } from './random.js'

export interface AlbumOptions {
  /** The folder to write: one folder per person, and `truth.json`. */
  output: string
  identities: number
  /** How many pictures a person has: drawn per person, both ends included. */
  picturesPerIdentity: readonly [least: number, most: number]
  /** Near-duplicates, as a fraction of the pictures. */
  duplicates: number
  seed: number
}

/** One file of an album. */
export interface AlbumEntry {
  /** Relative to the album's folder, with forward slashes. */
  path: string
  identity: number
  /** The path of the picture that this one is a near-duplicate of. */
  duplicateOf: string | null
}

/** A person's pictures: the originals, and for each copy which one it was made from. */
interface Sitting {
  identity: number
  traits: Identity
  names: readonly string[]
  copies: readonly { name: string; of: number }[]
}

// Pictures spend their time in libvips' thread pool of four: a few more keep it busy while
// JavaScript prepares the next, and bound the pixels in memory.
const PEOPLE_AT_WORK = 6

/** Renders an album. The same options give the same bytes. */
export async function renderAlbum(options: AlbumOptions): Promise<AlbumEntry[]> {
  const people = Array.from({ length: options.identities }, (_, i) => arrangeSitting(i + 1, options))
  const waiting = people.values()

  await Promise.all(
    Array.from({ length: PEOPLE_AT_WORK }, async () => {
      for (const person of waiting) await renderSitting(person, options)
    }),
  )

  const truth = people.flatMap(entriesOf).sort((a, b) => (a.path < b.path ? -1 : 1))
  await mkdir(options.output, { recursive: true })
  await writeFile(join(options.output, 'truth.json'), `${JSON.stringify(truth, null, 2)}\n`)

  return truth
}

function arrangeSitting(identity: number, { seed, picturesPerIdentity, duplicates }: AlbumOptions): Sitting {
  const random = createRandom(seed, identity)
  const traits = createIdentity(random)
  const pictures = random.integer(...picturesPerIdentity)
  const originals = Array.from({ length: pictures }, (_, i) => i)
  const copied = originals.filter(() => random.chance(duplicates))
  // Numbers are dealt like cards, so that a copy may come before its original.
  const numbers = shuffled(pictures + copied.length, random)
  const name = (i: number) =>
    `${folderOf(identity)}/picture_${String((numbers[i] ?? 0) + 1).padStart(2, '0')}.jpg`

  return {
    identity,
    traits,
    names: originals.map(name),
    copies: copied.map((of, i) => ({ name: name(pictures + i), of })),
  }
}

async function renderSitting(
  { identity, traits, names, copies }: Sitting,
  { output, seed }: AlbumOptions,
): Promise<void> {
  await mkdir(join(output, folderOf(identity)), { recursive: true })

  for (const [i, name] of names.entries()) {
    const picture = await renderPicture(traits, createConditions(createRandom(seed, identity, i)))
    await writeFile(join(output, name), picture)

    for (const copy of copies.filter(({ of }) => of === i)) {
      await writeFile(
        join(output, copy.name),
        await renderDuplicate(picture, createRandom(seed, identity, i, 1)),
      )
    }
  }
}

function entriesOf({ identity, names, copies }: Sitting): AlbumEntry[] {
  return [
    ...names.map((path) => ({ path, identity, duplicateOf: null })),
    ...copies.map(({ name, of }) => ({ path: name, identity, duplicateOf: names[of] ?? null })),
  ]
}

const folderOf = (identity: number): string => `person_${String(identity).padStart(4, '0')}`

function shuffled(count: number, random: ReturnType<typeof createRandom>): number[] {
  const cards = Array.from({ length: count }, (_, i) => i)

  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(0, i)
    ;[cards[i], cards[j]] = [cards[j] ?? 0, cards[i] ?? 0]
  }

  return cards
}
