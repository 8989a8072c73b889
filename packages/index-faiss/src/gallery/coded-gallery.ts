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
  /** How many components of a row are coded. */
  heads: number
  /** How many further codes stand for the length of what is not coded. */
  tails: number
  /** heads + tails: the codes of a row. */
  components: number
  /**
   * heads × dim float32, row-major, shared: the axes whose components are coded, orthonormal but for rounding. Undefined
   * for the first components as they are.
   */
  axes: Float32Array | undefined
  /** How far, as an L2 norm, computed components of a unit row may be from those along exactly orthonormal axes. */
  axesError: number
}

/** rows × components int8, row-major: see `quantizeRow`. */
export type CodeStore = { kind: 'memory'; codes: Int8Array } | { kind: 'file'; path: string }

/** A gallery with its codes. */
export interface CodedGallery extends GalleryData {
  coding: Coding
  codes: CodeStore
  /** rows × float32: how far scale · codes are from the row of length 1, rounded up. */
  residuals: Float32Array
}

/**
 * Makes room for the codes of a gallery: `RowCoder` fills it.
 *
 * @throws SearchError `GALLERY_MEMORY`
 */
export function prepareCodes(gallery: GalleryData, coding: Coding): CodedGallery {
  const { rows, codeBytes, codeFolder } = gallery
  const bytes = rows * coding.components
  try {
    return {
      ...gallery,
      coding,
      codes:
        bytes > codeBytes && codeFolder !== undefined
          ? codeFile(join(codeFolder, `codes-${randomUUID()}`))
          : { kind: 'memory', codes: new Int8Array(new SharedArrayBuffer(bytes)) },
      residuals: new Float32Array(new SharedArrayBuffer(4 * rows)),
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

export function discardCodes({ codes }: CodedGallery): void {
  if (codes.kind === 'file') rmSync(codes.path, { force: true })
}
