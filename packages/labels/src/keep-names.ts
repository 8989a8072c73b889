import { NO_CLASS, NOT_A_DUPLICATE, type Clustering } from '@facekit/core'
import { className, MAX_NAMES, type NamedClustering } from './class-names.js'
import { LabelError } from './errors.js'
import { readFollowed } from './read-followed.js'
import { NO_EARLIER, SharedImages, type SharedCell } from './shared-images.js'

/** Labels of the first rows of a clustering, or of all of them, whose names stay. */
export interface EarlierLabels {
  /** Where they are. */
  folder: string
  /** Their rows. */
  images: number
  /** No number from this on was ever given to a class. */
  nextName: number
}

/** What takes part in keeping names for each row, the clustering included: it, pairs, and two numbers of a class. */
export const KEEP_NAMES_ROW_BYTES = 28

/** What became of an earlier class, or of a part of it; or where a class comes from that shares no image with any. */
export interface Change {
  /** Number in the name; undefined for none. */
  earlier: number | undefined
  now: number
  change: 'kept' | 'merged' | 'split' | 'new'
  /** In both; of a new class, all of it. */
  images: number
}

export interface KeptNames extends NamedClustering {
  nextName: number
  /** By earlier class, then by class. */
  changes(): Generator<Change>
}

/**
 * Gives classes the names of earlier ones. A class keeps the name of the earlier class of which it holds most images, unless
 * another class holds more of that one's; of equals the lower number counts: on the earlier side that in the name, on the
 * other that by size. Every other class gets a number that was never given, the largest first. Removed duplicates count with
 * the image that stays, on both sides.
 *
 * @throws LabelError `LABELS_CHANGED` where earlier labels cannot be read, `LABEL_NAMES` where numbers run out
 */
export async function keepNames(
  clustering: Clustering,
  earlier: EarlierLabels,
  signal?: AbortSignal,
): Promise<KeptNames> {
  const { shared, next } = await sharedImages(clustering, earlier, signal)
  const mainOf = new Int32Array(clustering.sizes.length).fill(NO_CLASS)
  for (const { now, earlier: main } of mostOf(shared, 'now')) mainOf[now] = main
  const numbers = new Int32Array(mainOf.length).fill(NO_CLASS)
  for (const { now, earlier: name } of mostOf(shared, 'earlier'))
    if (mainOf[now] === name) numbers[now] = name
  const nextName = numberOthers(numbers, next)
  return { ...clustering, numbers, nextName, changes: () => changesOf(shared, numbers, mainOf) }
}

async function sharedImages(
  { classOf, duplicateOf }: Clustering,
  { folder, images, nextName }: EarlierLabels,
  signal: AbortSignal | undefined,
): Promise<{ shared: SharedImages; next: number }> {
  const shared = new SharedImages(classOf.length)
  let next = nextName
  let row = 0
  const add = (earlier: number) => {
    const stays = duplicateOf[row]!
    const now = classOf[stays === NOT_A_DUPLICATE ? row : stays]!
    if (now !== NO_CLASS) shared.add(earlier === NO_CLASS ? NO_EARLIER : earlier, now)
    next = Math.max(next, earlier + 1)
    row++
  }
  try {
    for await (const batch of readFollowed(folder)) {
      signal?.throwIfAborted()
      if (row + batch.classOf.length > Math.min(images, classOf.length)) throw new Error('there are more.')
      batch.classOf.forEach(add)
    }
    if (row < images) throw new Error(`there are ${row}.`)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new LabelError(
      'LABELS_CHANGED',
      `Expected the labels of ${images} images in ${folder}, whose names stay, but ${(cause as Error).message} Without them classes are numbered anew: --no-keep-names.`,
      { cause },
    )
  }
  while (row < classOf.length) add(NO_CLASS)
  return { shared, next }
}

/** Of each class of one side the cell with most images; of equals, the first. */
function* mostOf(shared: SharedImages, side: 'now' | 'earlier'): Generator<SharedCell> {
  let most: SharedCell | undefined
  for (const cell of shared.cells(side)) {
    if (cell.earlier === NO_EARLIER) continue
    if (most && most[side] !== cell[side]) yield most
    if (most?.[side] !== cell[side] || cell.images > most.images) most = cell
  }
  if (most) yield most
}

/** @returns the number after the last that was given */
function numberOthers(numbers: Int32Array, next: number): number {
  for (const [number, name] of numbers.entries()) {
    if (name !== NO_CLASS) continue
    if (next >= MAX_NAMES)
      throw new LabelError(
        'LABEL_NAMES',
        `Expected a number below ${MAX_NAMES} for the name of a new class but all were given, ${className(next - 1)} the last. Number classes anew: --no-keep-names.`,
      )
    numbers[number] = next++
  }
  return next
}

/** Of each earlier class one cell is kept or merged, that which holds most of its images; the others were split off. */
function* changesOf(shared: SharedImages, numbers: Int32Array, mainOf: Int32Array): Generator<Change> {
  const heirs = mostOf(shared, 'earlier')
  let heir: SharedCell | void = undefined
  for (const cell of shared.cells('earlier')) {
    const { earlier, images } = cell
    const now = numbers[cell.now]!
    if (earlier === NO_EARLIER) {
      // Of others it is what they grew by.
      if (mainOf[cell.now] === NO_CLASS) yield { earlier: undefined, now, change: 'new', images }
      continue
    }
    if (heir?.earlier !== earlier) heir = heirs.next().value
    const change = heir?.now !== cell.now ? 'split' : now === earlier ? 'kept' : 'merged'
    yield { earlier, now, change, images }
  }
}
