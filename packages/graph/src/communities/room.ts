import { join } from 'node:path'
import { OptionError } from '@facekit/core'

/** What each of the large things of `detectCommunities` may take in memory; what takes more goes to a file. */
export interface Room {
  bytes: number
  /** An existing folder; left out where nothing is too large. */
  folder?: string | undefined
}

/** What any Node takes as one array. */
const MOST_BYTES = 2 ** 32

/** @param folder for what takes more than `bytes`, or than 4 GiB */
export function roomOf(bytes: number, folder: string | undefined): Room {
  return { bytes: Math.min(bytes, MOST_BYTES), folder }
}

export const LARGEST_ROOM = roomOf(MOST_BYTES, undefined)

/** @returns where a file of this name goes; @throws OptionError without a folder */
export function scratchPath({ bytes, folder }: Room, name: string): string {
  if (folder === undefined)
    throw new OptionError(
      `Expected a scratchFolder for what takes more than ${Math.floor(bytes / 2 ** 20)} MiB but received none`,
    )
  return join(folder, name)
}

/** How a step of `detectCommunities` is done. */
export interface StepOptions {
  /** 4 GiB for each thing if left out. */
  room?: Room
  signal?: AbortSignal | undefined
}
