import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { encodeEntry, messageParts, writeMessage } from './build-model.js'
import { ATTRIBUTE, ENTRY, FUNCTION, GRAPH, MODEL, NODE, SPARSE_TENSOR, TENSOR } from './fields.js'
import { asOnnx } from './not-a-model.js'
import { contentsOf, fieldsOf, textOf, valueOf } from './wire.js'

/** Where the numbers of a tensor are that a model keeps in another file. */
export interface ExternalData {
  /** Path of the file as the model has it, meant to be relative to the model's folder. */
  location: string
  offset: number
  /** In bytes; to the end of the file if undefined. */
  length: number | undefined
}

/** The messages that hold tensors, and in which of their fields. */
const HOLDERS = {
  model: { [MODEL.graph]: 'graph', [MODEL.function]: 'function' },
  function: { [FUNCTION.node]: 'node' },
  graph: {
    [GRAPH.node]: 'node',
    [GRAPH.initializer]: 'tensor',
    [GRAPH.sparseInitializer]: 'sparseTensor',
  },
  node: { [NODE.attribute]: 'attribute' },
  attribute: {
    [ATTRIBUTE.tensor]: 'tensor',
    [ATTRIBUTE.tensors]: 'tensor',
    [ATTRIBUTE.graph]: 'graph',
    [ATTRIBUTE.graphs]: 'graph',
    [ATTRIBUTE.sparseTensor]: 'sparseTensor',
    [ATTRIBUTE.sparseTensors]: 'sparseTensor',
  },
  sparseTensor: { [SPARSE_TENSOR.values]: 'tensor', [SPARSE_TENSOR.indices]: 'tensor' },
} as const satisfies Record<string, Record<number, string>>

type Holder = keyof typeof HOLDERS

/** A graph within a node is three levels below its own; exports have two or three of these. */
const MAX_DEPTH = 64

const EXTERNAL = 1

/**
 * Lists what a model keeps in other files.
 *
 * @throws OnnxError `ONNX_INVALID`
 */
export function externalData(bytes: Uint8Array, source = 'model'): ExternalData[] {
  return asOnnx(bytes, source, () => {
    const found: ExternalData[] = []
    visitTensors(bytes, 'model', (tensor) => {
      if (isExternal(tensor)) found.push(readExternalData(tensor))
    })
    return found
  })
}

/**
 * Names other files for the tensors that a model keeps outside; all else in it stays as it is.
 *
 * @param relocate gives the new location for an old one
 * @throws OnnxError `ONNX_INVALID`
 */
export function relocateData(
  bytes: Uint8Array,
  relocate: (location: string) => string,
  source = 'model',
): Uint8Array {
  return asOnnx(bytes, source, () => Buffer.concat(relocated(bytes, 'model', relocate)))
}

function visitTensors(
  message: Uint8Array,
  holder: Holder,
  visit: (tensor: Uint8Array) => void,
  depth = 0,
): void {
  for (const { number, content } of fieldsOf(message)) {
    const held = heldIn(holder, number, depth)
    if (held === 'tensor') visit(content)
    else if (held) visitTensors(content, held, visit, depth + 1)
  }
}

function relocated(
  message: Uint8Array,
  holder: Holder,
  relocate: (location: string) => string,
  depth = 0,
): Uint8Array[] {
  return [...fieldsOf(message)].flatMap(({ number, content, raw }) => {
    const held = heldIn(holder, number, depth)
    if (!held) return [raw]
    if (held !== 'tensor') return messageParts(number, relocated(content, held, relocate, depth + 1))
    return isExternal(content) ? messageParts(number, relocatedTensor(content, relocate)) : [raw]
  })
}

function relocatedTensor(tensor: Uint8Array, relocate: (location: string) => string): Uint8Array[] {
  return [...fieldsOf(tensor)].map(({ number, content, raw }) => {
    if (number !== TENSOR.externalData || textOf(content, ENTRY.key) !== 'location') return raw
    const writer = new BinaryWriter()
    writeMessage(writer, number, encodeEntry('location', relocate(textOf(content, ENTRY.value))))
    return writer.finish()
  })
}

function heldIn(holder: Holder, number: number, depth: number): Holder | 'tensor' | undefined {
  const held = (HOLDERS[holder] as Readonly<Record<number, Holder | 'tensor'>>)[number]
  if (held && depth > MAX_DEPTH) throw new Error(`graphs nested more than ${MAX_DEPTH} levels deep`)
  return held
}

function isExternal(tensor: Uint8Array): boolean {
  return valueOf(tensor, TENSOR.dataLocation) === EXTERNAL
}

function readExternalData(tensor: Uint8Array): ExternalData {
  const entries = new Map(
    contentsOf(tensor, TENSOR.externalData).map((entry) => [
      textOf(entry, ENTRY.key),
      textOf(entry, ENTRY.value),
    ]),
  )
  return {
    location: entries.get('location') ?? '',
    offset: count(entries.get('offset') ?? '0'),
    length: entries.has('length') ? count(entries.get('length')!) : undefined,
  }
}

function count(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(number)) throw new Error(`Expected a number of bytes but got ${text}`)
  return number
}
