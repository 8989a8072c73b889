import { readFile } from 'node:fs/promises'
import { parse } from 'npyjs'
import { isInteger } from './dtype.js'
import { NpyError } from './errors.js'
import { openNpy } from './npy-file.js'

/**
 * A whole array of n integers, where it need not be streamed.
 *
 * @returns n × float64, each an integer
 * @throws NpyError what `openNpy` throws; `NPY_SHAPE` for more than one number a row; `NPY_DTYPE` for what is no integer, or
 * big-endian; `NPY_VALUE` where a number is beyond ±(2⁵³ - 1)
 */
export async function readIntegers(file: string): Promise<Float64Array> {
  // npyjs looks neither at the length of the file nor at the order of bytes.
  const npy = await openNpy(file)
  await npy.close()
  const { dtype, shape } = npy
  if (shape.length === 0 || npy.rowLength !== 1)
    throw new NpyError('NPY_SHAPE', file, `has shape (${shape.join(', ')}), expected one integer per row`)
  if (!isInteger(dtype) || dtype.bigEndian)
    throw new NpyError(
      'NPY_DTYPE',
      file,
      `has dtype ${dtype.descr}, expected little-endian integers; fix: np.save(file, array.astype("<i8"))`,
    )
  const values = Float64Array.from(await parsed(file, npy.size), Number)
  const bad = values.findIndex((value) => !Number.isSafeInteger(value))
  if (bad >= 0)
    throw new NpyError(
      'NPY_VALUE',
      file,
      `element ${bad} is too large, expected an integer within ±${Number.MAX_SAFE_INTEGER}`,
    )
  return values
}

async function parsed(file: string, size: number): Promise<Iterable<number | bigint>> {
  try {
    const { buffer, byteOffset, length } = await readFile(file)
    if (length !== size) throw new Error('it was written to meanwhile')
    // Of integers it is an array of them.
    return parse(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer).data as unknown as Iterable<
      number | bigint
    >
  } catch (cause) {
    throw new NpyError(
      'NPY_OPEN',
      file,
      `cannot be read whole: ${(cause as Error).message}; fix: np.save(file, np.load(file))`,
      { cause },
    )
  }
}
