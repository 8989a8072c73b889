import { constants, copyFile, link, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import type { PendingFiles } from '@facekit/core'
import { embeddingsPart, memberName } from './file-names.js'
import type { FileSet } from './file-set.js'
import { SHARD_FILES } from './shard-writer.js'

/**
 * Makes the shards of a set that is there the first ones of the set that takes its place, numbered from 0: by hard links,
 * which take neither time nor room, or by copies where a file system has none.
 *
 * @param pending files of the folder that the set is in
 * @returns names of their files
 */
export async function takeOverShards(
  pending: PendingFiles,
  { shards, normalized }: FileSet,
): Promise<string[]> {
  const names: string[] = []
  for (const [number, shard] of shards.entries()) {
    for (const file of SHARD_FILES) {
      const from = shard[file]
      if (from === undefined) continue
      const name = memberName(file === 'embs' ? embeddingsPart(normalized) : file, number)
      await linkOrCopy(from, pending.path(name))
      names.push(name)
    }
  }
  return names
}

/** Names that the files of a set have. */
export function namesOf({ shards }: FileSet): string[] {
  return shards.flatMap((shard) =>
    SHARD_FILES.flatMap((file) => {
      const path = shard[file]
      return path === undefined ? [] : [basename(path)]
    }),
  )
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  // Of a run that died.
  await rm(to, { force: true })
  await link(from, to).catch(async () => copyFile(from, to, constants.COPYFILE_FICLONE))
}
