import { Float16Array } from '@petamoriken/float16'
import type { TorchDtype } from './torch-tensor.js'

/** Bytes of one number. */
export const ITEM_BYTES: Readonly<Record<TorchDtype, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
}

/** Integers below are float64 without loss. */
const EXACT = 2n ** 53n
/** float64 has so many bits less than int64. */
const LOST_BITS = 11n

let float16Table: Float32Array | undefined

/**
 * Numbers of any dtype, each as the nearest float32.
 *
 * @param bytes n numbers, the whole of their buffer; it is taken over, and its byte order may be changed in place
 * @returns n × float32
 */
export function toFloat32(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: TorchDtype,
  bigEndian: boolean,
): Float32Array<ArrayBuffer> {
  const { buffer } = bytes
  if (bigEndian) swap(bytes, ITEM_BYTES[dtype])
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer)
    case 'float64':
      return new Float32Array(new Float64Array(buffer))
    case 'float16':
      return fromFloat16(new Uint16Array(buffer))
    case 'bfloat16':
      return fromBfloat16(new Uint16Array(buffer))
    case 'int64':
      return fromInt64(new BigInt64Array(buffer))
    case 'int32':
      return new Float32Array(new Int32Array(buffer))
    case 'int16':
      return new Float32Array(new Int16Array(buffer))
    case 'int8':
      return new Float32Array(new Int8Array(buffer))
    case 'uint8':
      return new Float32Array(bytes)
    case 'bool':
      return new Float32Array(bytes.map((byte) => (byte === 0 ? 0 : 1)))
  }
}

function fromFloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  // All 65536 values once: a look-up per number is many times as fast as the arithmetic.
  const every = () => new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer)
  const table = (float16Table ??= new Float32Array(every()))
  const numbers = new Float32Array(bits.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = table[bits[i]!]!
  return numbers
}

/** The upper half of a float32. */
function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}

function fromInt64(integers: BigInt64Array): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(integers.length)
  for (let i = 0; i < numbers.length; i++) {
    const integer = integers[i]!
    numbers[i] = Number(integer < EXACT && integer > -EXACT ? integer : roundToOdd(integer))
  }
  return numbers
}

/** Rounding twice, to float64 and to float32, may miss the nearest: a last bit that stands for all that are lost keeps it. */
function roundToOdd(integer: bigint): bigint {
  const kept = (integer >> LOST_BITS) << LOST_BITS
  return kept === integer ? kept : kept | (1n << LOST_BITS)
}

function swap({ buffer, byteOffset, length }: Uint8Array, itemBytes: number): void {
  const bytes = Buffer.from(buffer, byteOffset, length)
  if (itemBytes === 2) bytes.swap16()
  else if (itemBytes === 4) bytes.swap32()
  else if (itemBytes === 8) bytes.swap64()
}
