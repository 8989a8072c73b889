import { randomUUID } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CodeRange } from '@facekit/devices'
import { SearchError } from '../errors.js'
import type { GalleryData } from './gallery.js'

/** How rows become codes: decided once for a gallery. */
export interface Coding {
  /** Of which integers codes are. */
  range: CodeRange
  /** float32: what a code of 1 stands for in a row of length 1. */
  scale: number
  /** How many components of a row are coded, and whether it has no others. */
  heads: number
  isWhole: boolean
  /** The codes of a row: those of its components, and some of its allowance. */
  codeLength: number
  /** Most rows have an allowance no smaller: see `quantizeAllowance`. */
  leastAllowance: number
  /**
   * heads × dim float32, row-major, shared: the axes whose components are coded, orthonormal but for rounding. Undefined
   * for the first components as they are.
   */
  axes: Float32Array | undefined
  /** How far, as an L2 norm, computed components of a unit row may be from those along exactly orthonormal axes. */
  axesError: number
}

/** rows × codeLength int8, row-major: `quantizeRow`, then `quantizeAllowance`. */
export type CodeStore = { kind: 'memory'; codes: Int8Array } | { kind: 'file'; path: string }

/** A gallery with its codes. */
export interface CodedGallery extends GalleryData {
  coding: Coding
  store: CodeStore
  /** rows × float32: see `allowanceOf`; what the codes do not hold of them is `excessOf`. */
  allowances: Float32Array
}

/**
 * Makes room for the codes of a gallery: `RowCoder` fills it.
 *
 * @throws SearchError `GALLERY_MEMORY`
 */
export function prepareCodes(gallery: GalleryData, coding: Coding): CodedGallery {
  const { rows, codeBytes, codeFolder } = gallery
  const bytes = rows * coding.codeLength
  try {
    return {
      ...gallery,
      coding,
      store:
        bytes > codeBytes && codeFolder !== undefined
          ? codeFile(join(codeFolder, `codes-${randomUUID()}`))
          : { kind: 'memory', codes: new Int8Array(new SharedArrayBuffer(bytes)) },
      allowances: new Float32Array(new SharedArrayBuffer(4 * rows)),
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw cause
    throw new SearchError(
      'GALLERY_MEMORY',
      `Expected memory for the codes of ${rows} embeddings (${(bytes / 2 ** 30).toFixed(1)} GiB) but there is not that much: set a memory limit`,
      { cause },
    )
  }
}

function codeFile(path: string): CodeStore {
  closeSync(openSync(path, 'w'))
  return { kind: 'file', path }
}

export function discardCodes({ store }: CodedGallery): void {
  if (store.kind === 'file') rmSync(store.path, { force: true })
}
