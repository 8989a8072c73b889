import type { FailedImage } from '@facekit/core'

/** Begins the reason of what failed before there was an image to open. */
export const NO_PATH = {
  unlisted: 'a folder that cannot be listed',
  notUtf8: 'its name, or that of a folder above it, is not UTF-8: rename it',
  noField: 'a line without a path in column',
} as const

/** Whether what failed is an image of a path, which may be tried again: folders and lines without one are not. */
export function isOfPath({ reason }: FailedImage): boolean {
  return !Object.values(NO_PATH).some((start) => reason.startsWith(start))
}
