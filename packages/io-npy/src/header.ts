import type { FileHandle } from 'node:fs/promises'
import { NpyError } from './errors.js'
import { readFully } from './file-io.js'
import type { Literal } from './python-literal.js'
import { parsePythonDict } from './python-literal.js'

export interface NpyHeader {
  /** As the header has it: a string such as `<f4`, or a list for structured arrays. */
  descr: Literal
  fortranOrder: boolean
  shape: number[]
  /** Byte at which the data start. */
  dataOffset: number
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
/** Magic, version and the longer of the two length fields. */
const PREAMBLE_BYTES = 12
/** Headers of plain arrays have about 100 bytes; a damaged length must not become an allocation of 4 GiB. */
const MAX_HEADER_BYTES = 64 * 1024
/** NumPy maps data at this alignment, and asks writers for it. */
const ALIGNMENT = 64
const MAX_AXES = 64

/** Reads and checks magic, version and header, in this order. */
export async function readHeader(handle: FileHandle, size: number, file: string): Promise<NpyHeader> {
  const preamble = Buffer.alloc(Math.min(PREAMBLE_BYTES, size))
  await readFully(handle, preamble, 0, file)
  checkMagic(preamble, file)
  if (preamble.length < PREAMBLE_BYTES) {
    throw new NpyError(
      'NPY_TRUNCATED',
      file,
      `has ${size} bytes, too few for an NPY header: was it cut short?`,
    )
  }
  const [major, minor] = [preamble[6]!, preamble[7]!]
  if (major < 1 || major > 3 || minor !== 0) {
    throw new NpyError('NPY_VERSION', file, `has NPY version ${major}.${minor}, expected 1.0, 2.0 or 3.0`)
  }
  const textOffset = major === 1 ? 10 : 12
  const textBytes = major === 1 ? preamble.readUInt16LE(8) : preamble.readUInt32LE(8)
  if (textBytes > MAX_HEADER_BYTES) {
    throw new NpyError(
      'NPY_HEADER',
      file,
      `claims a header of ${textBytes} bytes, expected at most ${MAX_HEADER_BYTES}: the file is damaged`,
    )
  }
  const dataOffset = textOffset + textBytes
  if (dataOffset > size) {
    throw new NpyError(
      'NPY_TRUNCATED',
      file,
      `has ${size} bytes, but its header alone takes ${dataOffset}: was it cut short?`,
    )
  }
  const text = Buffer.alloc(textBytes)
  await readFully(handle, text, textOffset, file)
  return { ...parseHeader(text.toString(major === 3 ? 'utf8' : 'latin1'), file), dataOffset }
}

function checkMagic(start: Buffer, file: string): void {
  const length = Math.min(start.length, MAGIC.length)
  if (start.length === 0) throw new NpyError('NPY_TRUNCATED', file, 'is empty, expected an NPY file')
  if (start.subarray(0, length).equals(MAGIC.subarray(0, length))) return
  const text = start.toString('latin1')
  throw new NpyError(
    'NPY_MAGIC',
    file,
    text.startsWith('PK')
      ? 'is a zip file (an .npz?), expected one array; fix: np.save("array.npy", np.load(file)["name"])'
      : text.startsWith('version http')
        ? 'is a Git LFS pointer, not the array itself; fix: git lfs pull'
        : `starts with the bytes ${start.subarray(0, 6).toString('hex')}, expected ${MAGIC.toString('hex')}: not an NPY file`,
  )
}

function parseHeader(text: string, file: string): Omit<NpyHeader, 'dataOffset'> {
  const refuse = (why: string) => new NpyError('NPY_HEADER', file, `has a damaged header: ${why}`)
  let dict: Map<string, Literal>
  try {
    dict = parsePythonDict(text)
  } catch (error) {
    throw refuse((error as Error).message)
  }
  const keys = [...dict.keys()].sort().join(', ')
  if (keys !== 'descr, fortran_order, shape') {
    throw refuse(`got the keys ${keys || '(none)'}, expected descr, fortran_order, shape`)
  }
  const fortranOrder = dict.get('fortran_order')!
  if (typeof fortranOrder !== 'boolean') {
    throw refuse(`got ${JSON.stringify(fortranOrder)} for fortran_order, expected True or False`)
  }
  const shape = dict.get('shape')!
  if (!isShape(shape)) {
    throw refuse(`got ${JSON.stringify(shape)} for shape, expected a tuple of lengths`)
  }
  return { descr: dict.get('descr')!, fortranOrder, shape }
}

function isShape(value: Literal): value is number[] {
  return (
    Array.isArray(value) && value.length <= MAX_AXES && value.every((length) => Number.isSafeInteger(length))
  )
}

/**
 * Header bytes, version 1.0, padded so that the data are aligned.
 *
 * @param bytes makes it exactly this long, where a header written earlier is to be replaced.
 */
export function formatHeader(descr: string, shape: readonly number[], bytes = 0): Buffer {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${axes}), }`
  const total = Math.max(bytes, Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT)
  const header = Buffer.alloc(total, ' ')
  MAGIC.copy(header)
  header[6] = 1
  header[7] = 0
  header.writeUInt16LE(total - 10, 8)
  header.write(text, 10, 'latin1')
  header[total - 1] = 0x0a
  return header
}
