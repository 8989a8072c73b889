import { NpyError } from './errors.js'
import type { Literal } from './python-literal.js'

/** What the elements of an array are. */
export interface Dtype {
  /** As NumPy spells it: `<f4`, `>U32`, `|O`. */
  descr: string
  /** Float, signed and unsigned integer, boolean, unicode, bytes, object. */
  kind: 'f' | 'i' | 'u' | 'b' | 'U' | 'S' | 'O'
  /** Bytes per element; for objects 0, since they have no fixed place. */
  itemBytes: number
  bigEndian: boolean
}

const NUMERIC_BYTES: Readonly<Record<string, readonly number[]>> = {
  f: [2, 4, 8],
  i: [1, 2, 4, 8],
  u: [1, 2, 4, 8],
  b: [1],
}
/** Paths have hundreds; a damaged length must not become an allocation of gigabytes per row. */
const MAX_CHARACTERS = 2 ** 24

/** @throws NpyError `NPY_DTYPE` where it is none that facekit reads. */
export function parseDtype(descr: Literal, file: string): Dtype {
  const refuse = () =>
    new NpyError(
      'NPY_DTYPE',
      file,
      `has dtype ${JSON.stringify(descr)}, expected float16/32/64, an integer of 8 to 64 bits, bool, unicode, bytes or object`,
    )
  const parts = typeof descr === 'string' ? /^([<>|=])([a-zA-Z])([0-9]*)$/.exec(descr) : null
  if (typeof descr !== 'string' || parts === null) throw refuse()
  const [, order, kind, digits] = parts
  const length = Number(digits)
  const bigEndian = order === '>'
  switch (kind) {
    case 'f':
    case 'i':
    case 'u':
    case 'b':
      if (!NUMERIC_BYTES[kind]!.includes(length)) throw refuse()
      return { descr, kind, itemBytes: length, bigEndian }
    case 'U':
    case 'S':
      if (digits === '' || length > MAX_CHARACTERS) throw refuse()
      return { descr, kind, itemBytes: kind === 'U' ? 4 * length : length, bigEndian }
    case 'O':
      return { descr, kind, itemBytes: 0, bigEndian }
    default:
      throw refuse()
  }
}

export function isNumeric(dtype: Dtype): boolean {
  return dtype.kind in NUMERIC_BYTES
}

export function isInteger(dtype: Dtype): boolean {
  return dtype.kind === 'i' || dtype.kind === 'u'
}
