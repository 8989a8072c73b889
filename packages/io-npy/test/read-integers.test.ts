import { appendFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readIntegers } from '../src/index.js'
import { temporaryFolder, writeArray, type ArraySpec } from './support.js'

const inFolder = temporaryFolder()

/** With data at a multiple of 64 bytes, as NumPy has them. */
function padded(descr: string, shape: readonly number[], data: ArrayBufferView): ArraySpec {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${axes}), }`
  return { descr, shape, data, header: `${header.padEnd(117)}\n` }
}

describe('integers of a whole array', () => {
  it.each([
    ['|i1', Int8Array.of(-1, 0, 127)],
    ['|u1', Uint8Array.of(0, 1, 255)],
    ['<i2', Int16Array.of(-1, 0, 32_767)],
    ['<u4', Uint32Array.of(0, 7, 2 ** 32 - 1)],
    ['<i8', BigInt64Array.of(-1n, 0n, 2n ** 53n - 1n)],
  ])('of %s are read', async (descr, data) => {
    const file = await writeArray(inFolder('integers.npy'), padded(descr, [3], data))
    expect(await readIntegers(file)).toEqual(Float64Array.from(data, Number))
    const column = await writeArray(inFolder('column.npy'), padded(descr, [3, 1], data))
    expect((await readIntegers(column)).length).toBe(3)
  })

  it.each([2n ** 53n, -(2n ** 63n)])('with the integer %s are refused', async (integer) => {
    const data = BigInt64Array.of(-1n, 2n ** 53n - 1n, integer)
    const file = await writeArray(inFolder('large.npy'), padded('<i8', [3], data))
    await expect(readIntegers(file)).rejects.toMatchObject({
      code: 'NPY_VALUE',
      message: expect.stringContaining('element 2'),
    })
  })

  it.each([
    ['<f4', Float32Array.of(1, 2, 3)],
    ['>i4', Int32Array.of(1, 2, 3)],
    ['<U1', Uint32Array.of(97, 98, 99)],
  ])('of %s are refused, with the fix', async (descr, data) => {
    const file = await writeArray(inFolder('other.npy'), padded(descr, [3], data))
    await expect(readIntegers(file)).rejects.toThrow(
      `other.npy: has dtype ${descr}, expected little-endian integers; fix`,
    )
  })

  it('that are not where NumPy puts them are refused, with the fix', async () => {
    const spec = {
      descr: '<i8',
      shape: [1],
      data: BigInt64Array.of(1n),
      header: `${padded('<i8', [1], Uint8Array.of()).header} `,
    }
    const file = await writeArray(inFolder('unaligned.npy'), spec)
    await expect(readIntegers(file)).rejects.toThrow('cannot be read whole: ')
  })

  it('of several a row are refused', async () => {
    const file = await writeArray(inFolder('pairs.npy'), padded('<i4', [2, 2], Int32Array.of(1, 2, 3, 4)))
    await expect(readIntegers(file)).rejects.toThrow('has shape (2, 2), expected one integer per row')
  })

  it('of a file that is too long are refused', async () => {
    const file = await writeArray(inFolder('long.npy'), {
      descr: '|u1',
      shape: [3],
      data: Uint8Array.of(1, 2, 3),
    })
    appendFileSync(file, 'x')
    await expect(readIntegers(file)).rejects.toMatchObject({ code: 'NPY_SURPLUS' })
  })
})
