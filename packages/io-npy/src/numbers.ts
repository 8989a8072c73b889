import { Float16Array } from '@petamoriken/float16'
import type { Dtype } from './dtype.js'

/** Anything above does not fit the `Uint32Array` that batches carry. */
const MAX_UINT32 = 2 ** 32 - 1

let float16Table: Float32Array | undefined

/** Whether the bytes on disk are those of a `Float32Array`. (Node runs on little-endian machines.) */
export function isNativeFloat32(dtype: Dtype): boolean {
  return dtype.kind === 'f' && dtype.itemBytes === 4 && !dtype.bigEndian
}

/**
 * Numbers of any numeric dtype as float32.
 *
 * @param bytes n × itemBytes, at an offset that is a multiple of itemBytes; its byte order may be changed in place
 * @param into n × float32
 */
export function toFloat32(bytes: Uint8Array, dtype: Dtype, into: Float32Array): void {
  const numbers = view(bytes, dtype)
  if (dtype.kind === 'f' && dtype.itemBytes === 2) {
    // All 65536 values once: a look-up per number is 20 times as fast as the arithmetic.
    float16Table ??= new Float32Array(
      new Float16Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer),
    )
    for (let i = 0; i < into.length; i++) into[i] = float16Table[numbers[i] as number]!
  } else if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array) {
    for (let i = 0; i < into.length; i++) into[i] = Number(numbers[i])
  } else {
    into.set(numbers)
  }
}

/**
 * Integers of any width as uint32.
 *
 * @param bytes n × itemBytes, at an offset that is a multiple of itemBytes; its byte order may be changed in place
 * @param into n × uint32
 * @returns position of the first number that does not fit, or -1
 */
export function toUint32(bytes: Uint8Array, dtype: Dtype, into: Uint32Array): number {
  const numbers = view(bytes, dtype)
  for (let i = 0; i < into.length; i++) {
    const number = Number(numbers[i])
    if (number < 0 || number > MAX_UINT32) return i
    into[i] = number
  }
  return -1
}

/** n × uint32 as the bytes of n × int64, without a BigInt per number. */
export function toInt64Bytes(numbers: Uint32Array): Uint8Array {
  const words = new Uint32Array(2 * numbers.length)
  for (let i = 0; i < numbers.length; i++) words[2 * i] = numbers[i]!
  return new Uint8Array(words.buffer)
}

/** Float16 comes as its bits. */
function view({ buffer, byteOffset, length }: Uint8Array, { kind, itemBytes, bigEndian }: Dtype) {
  const count = length / itemBytes
  if (bigEndian) swap(Buffer.from(buffer, byteOffset, length), itemBytes)
  switch (itemBytes) {
    case 1:
      return kind === 'i'
        ? new Int8Array(buffer, byteOffset, count)
        : new Uint8Array(buffer, byteOffset, count)
    case 2:
      return kind === 'i'
        ? new Int16Array(buffer, byteOffset, count)
        : new Uint16Array(buffer, byteOffset, count)
    case 4:
      if (kind === 'f') return new Float32Array(buffer, byteOffset, count)
      return kind === 'i'
        ? new Int32Array(buffer, byteOffset, count)
        : new Uint32Array(buffer, byteOffset, count)
    default:
      if (kind === 'f') return new Float64Array(buffer, byteOffset, count)
      return kind === 'i'
        ? new BigInt64Array(buffer, byteOffset, count)
        : new BigUint64Array(buffer, byteOffset, count)
  }
}

function swap(bytes: Buffer, itemBytes: number): void {
  if (itemBytes === 2) bytes.swap16()
  else if (itemBytes === 4) bytes.swap32()
  else if (itemBytes === 8) bytes.swap64()
}
