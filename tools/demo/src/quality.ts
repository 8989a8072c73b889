import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { readLabelRecords } from '@facekit/io-npy'
import { evaluateClustering, type Evaluation } from '@facekit/labels'
import type { AlbumEntry } from './album.js'

export interface Quality extends Evaluation {
  pictures: number
  identities: number
  classes: number
  duplicates: {
    /** Near-duplicates of which one picture was removed. */
    found: number
    missed: number
    /** Pictures removed that are no near-duplicate of any other. */
    wrong: number
  }
}

/** Compares the labels of an album with the truth. Classes are judged over the pictures that stay. */
export async function readQuality(
  labels: string,
  album: string,
  truth: readonly AlbumEntry[],
): Promise<Quality> {
  const classOf = await readClasses(labels, album)
  const stays = (path: string) => classOf.has(path)
  const kept = truth.filter(({ path }) => stays(path))
  const classes = [...new Set(classOf.values())]
  const numbers = new Map(classes.map((name, number) => [name, number]))

  const copies = truth.filter(({ duplicateOf }) => duplicateOf !== null)
  const missed = copies.filter(({ path, duplicateOf }) => stays(path) && stays(duplicateOf!)).length
  const inCopies = new Set(copies.flatMap(({ path, duplicateOf }) => [path, duplicateOf]))
  return {
    pictures: truth.length,
    identities: new Set(truth.map(({ identity }) => identity)).size,
    classes: classes.length,
    ...evaluateClustering(
      kept.map(({ path }) => numbers.get(classOf.get(path)!)!),
      kept.map(({ identity }) => identity),
    ),
    duplicates: {
      found: copies.length - missed,
      missed,
      wrong: truth.filter(({ path }) => !stays(path) && !inCopies.has(path)).length,
    },
  }
}

/** The class of every picture that stays, by its path in the album. */
async function readClasses(labels: string, album: string): Promise<Map<string, string>> {
  const name = (await readdir(labels)).find((file) => file.endsWith('_data_list.npy'))
  if (name === undefined) throw new Error(`Expected labels in ${labels} but there is no data_list.npy`)
  const classOf = new Map<string, string>()
  for await (const records of readLabelRecords(join(labels, name))) {
    for (const { folder, file_path } of records) {
      classOf.set(relative(album, file_path).split(sep).join('/'), folder)
    }
  }
  return classOf
}
