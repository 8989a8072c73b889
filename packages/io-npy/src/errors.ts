import { FacekitError } from '@facekit/core'

/** What is wrong with a file or folder. */
export type NpyErrorCode =
  /** The file is missing, no regular file, or may not be read. */
  | 'NPY_OPEN'
  /** The operating system refused to write. */
  | 'NPY_WRITE'
  | 'NPY_MAGIC'
  | 'NPY_VERSION'
  | 'NPY_HEADER'
  | 'NPY_DTYPE'
  | 'NPY_SHAPE'
  | 'NPY_FORTRAN_ORDER'
  /** Fewer bytes than the header promises. */
  | 'NPY_TRUNCATED'
  /** More bytes than the header promises. */
  | 'NPY_SURPLUS'
  /** A value that the array's use does not allow, such as a negative index. */
  | 'NPY_VALUE'
  /** A pickle that is damaged or asks for something that is not data. */
  | 'NPY_PICKLE'
  /** A batch that does not fit the ones before it, or does not fit together. */
  | 'NPY_BATCH'
  /** There is no such folder. */
  | 'FILE_SET_FOLDER'
  /** The folder holds no file set. */
  | 'FILE_SET_EMPTY'
  /** The folder holds more than one. */
  | 'FILE_SET_AMBIGUOUS'
  /** A file has no partner. */
  | 'FILE_SET_INCOMPLETE'
  /** Counts or dims of the files differ. */
  | 'FILE_SET_MISMATCH'
  /** A file was replaced or written to while the set was read. */
  | 'FILE_SET_CHANGED'

/** What is wrong with a file or folder: what was got, what was expected, and the fix where there is one. */
export class NpyError extends FacekitError {
  declare readonly code: NpyErrorCode
  /** The file or folder it is about. */
  readonly file: string

  constructor(code: NpyErrorCode, file: string, message: string, options?: ErrorOptions) {
    super(code, `${file}: ${message}`, options)
    this.file = file
  }
}
