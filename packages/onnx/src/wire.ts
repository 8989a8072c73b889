import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

export interface Field {
  number: number
  wireType: WireType
  /** The field as it stands in the message, tag included. */
  raw: Uint8Array
  /** The content of a length-delimited field (a message, string or bytes); empty for other wire types. */
  content: Uint8Array
  /** The value of a varint or float field; 0 for other wire types. */
  value: number
}

const EMPTY = new Uint8Array(0)

/** The fields of a protobuf message in file order, without copying. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [number, wireType] = reader.tag()
    let content: Uint8Array = EMPTY
    let value = 0
    if (wireType === WireType.LengthDelimited) content = reader.bytes()
    else if (wireType === WireType.Varint) value = Number(reader.int64())
    else if (wireType === WireType.Bit32) value = reader.float()
    else reader.skip(wireType, number)
    yield { number, wireType, raw: message.subarray(start, reader.pos), content, value }
  }
}

/** The contents of all fields with this number. */
export function contentsOf(message: Uint8Array, number: number): Uint8Array[] {
  return [...fieldsOf(message)].filter((field) => field.number === number).map((field) => field.content)
}

export function textOf(message: Uint8Array, number: number): string {
  const content = contentsOf(message, number).at(-1)
  return content ? Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8') : ''
}

/** The value of the last varint or float field with this number, 0 where there is none (as proto3 has it). */
export function valueOf(message: Uint8Array, number: number): number {
  return [...fieldsOf(message)].findLast((field) => field.number === number)?.value ?? 0
}

/** The values of a repeated integer field, packed or not. */
export function integersOf(message: Uint8Array, number: number): number[] {
  return repeated(message, number, (reader) => Number(reader.int64()))
}

/** The values of a repeated float field, packed or not. */
export function floatsOf(message: Uint8Array, number: number): number[] {
  return repeated(message, number, (reader) => reader.float())
}

/** The values of a repeated double field, which is packed. */
export function doublesOf(message: Uint8Array, number: number): number[] {
  return repeated(message, number, (reader) => reader.double())
}

function repeated(message: Uint8Array, number: number, read: (reader: BinaryReader) => number): number[] {
  const values: number[] = []
  for (const field of fieldsOf(message)) {
    if (field.number !== number) continue
    if (field.wireType !== WireType.LengthDelimited) values.push(field.value)
    const packed = new BinaryReader(field.content)
    while (packed.pos < packed.len) values.push(read(packed))
  }
  return values
}
