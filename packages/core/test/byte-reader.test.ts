import { expect, it } from 'vitest'
import { ByteReader } from '../src/index.js'

/** An input that notes what it is asked for. */
function inputOf(bytes: Uint8Array, start = 0) {
  const reads: [position: number, length: number][] = []
  const read = async (into: Uint8Array, position: number) => {
    reads.push([position, into.length])
    into.set(bytes.subarray(position, position + into.length))
  }
  return { reads, input: { start, end: bytes.length, read } }
}

it('takes items across the pieces that it reads', async () => {
  const count = 200_000
  const numbers = Uint32Array.from({ length: count }, (_, i) => i * 7919)
  const { input, reads } = inputOf(new Uint8Array(numbers.buffer))
  const reader = new ByteReader(input, () => new Error('truncated'))
  for (let i = 0; i < count; i++) {
    if (!reader.has(4)) await reader.prefetch(4)
    expect(reader.uint32()).toBe(numbers[i])
  }
  expect([reader.position, reader.remaining]).toEqual([4 * count, 0])
  expect(reads.length).toBe(4)
})

it('fails as its owner wants where the input ends in an item', async () => {
  const { input } = inputOf(Buffer.from('..ab\ncd'), 2)
  const reader = new ByteReader(input, () => new RangeError('cut short'))
  expect((await reader.line(10))?.toString()).toBe('ab')
  await reader.prefetch(100)
  expect(() => reader.bytes(3)).toThrow(new RangeError('cut short'))
  expect(() => reader.require(3)).toThrow('cut short')
  await expect(reader.line(10)).rejects.toThrow('cut short')
  expect(await reader.line(1)).toBeUndefined()
  expect(reader.bytes(2).toString()).toBe('cd')
})
