import type { GlobalCall, PickleValue } from '@facekit/pickle'
import { PickleGlobal, PickleObject, PickleTuple, typeName } from '@facekit/pickle'
import type { Refuse } from './label-values.js'
import { ArrayDtype, ObjectArray } from './label-values.js'
import { decodeUnicode } from './text.js'

/** Bytes as protocol 2 spells them: a text whose characters they are. Decoded where they are used. */
class TextBytes extends PickleObject {
  readonly text: string

  constructor(text: string) {
    super()
    this.text = text
  }

  get typeName(): string {
    return 'bytes'
  }
}

/**
 * What NumPy's pickles of label records name.
 *
 * @param maxScalarBytes of all numpy.str_ together: each has its own in a pickle that NumPy wrote, so they are no
 *   longer than the file; without this bound, one text could be decoded again and again
 */
export function labelGlobals(
  maxScalarBytes: number,
  damaged: Refuse,
  refuse: Refuse,
): Map<string, GlobalCall | null> {
  let scalarBytes = 0

  const other = (name: string) => damaged(`calls ${name} with other arguments than NumPy does`)

  /** (ndarray, (0,), b'b'): an empty array of a subclass, here always ndarray. */
  const reconstruct = ([type]: readonly PickleValue[]) =>
    type instanceof PickleGlobal && type.name === 'numpy.ndarray' ? new ObjectArray() : other('_reconstruct')

  const ndarray = ([shape, dtype]: readonly PickleValue[]) =>
    shape instanceof PickleTuple && dtype instanceof ArrayDtype ? new ObjectArray() : other('ndarray')

  const dtype = ([name]: readonly PickleValue[]) => {
    if (typeof name === 'string' && /^(?:O[0-9]?|U[0-9]{1,6})$/.test(name)) return new ArrayDtype(name)
    return refuse(`holds an array of dtype ${typeof name === 'string' ? name : typeName(name)}`)
  }

  /** A numpy.str_: paths that came out of a NumPy array are of this type. */
  const scalar = ([type, content]: readonly PickleValue[]) => {
    const bytes = content instanceof TextBytes ? Buffer.from(content.text, 'latin1') : content
    if (!(type instanceof ArrayDtype) || !(bytes instanceof Buffer)) return other('scalar')
    if (!type.name.startsWith('U') || bytes.length !== 4 * Number(type.name.slice(1))) {
      return damaged(`has ${bytes.length} bytes for a scalar of dtype ${type.name}`)
    }
    scalarBytes += bytes.length
    if (scalarBytes > maxScalarBytes) return damaged('has more bytes in its numpy.str_ than there are')
    if (bytes.length === 0) return ''
    // A copy, since the numbers must stand at a multiple of 4.
    const [text] = decodeUnicode(Uint8Array.from(bytes), 1, type.bigEndian, (_, number) =>
      damaged(`contains ${number}, which is no character`),
    )
    return text!
  }

  const encode = ([text, encoding]: readonly PickleValue[]) =>
    typeof text === 'string' && encoding === 'latin1' ? new TextBytes(text) : other('encode')

  return new Map<string, GlobalCall | null>([
    ['numpy.core.multiarray._reconstruct', reconstruct],
    ['numpy._core.multiarray._reconstruct', reconstruct],
    ['numpy.ndarray', ndarray],
    ['numpy.dtype', dtype],
    ['numpy.core.multiarray.scalar', scalar],
    ['numpy._core.multiarray.scalar', scalar],
    ['_codecs.encode', encode],
  ])
}
