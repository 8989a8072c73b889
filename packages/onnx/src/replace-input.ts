import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { encodeNode, encodeTensorInfo, initializerParts, messageParts, writeMessage } from './build-model.js'
import { OnnxError } from './errors.js'
import { GRAPH, MODEL, VALUE_INFO } from './fields.js'
import { asOnnx } from './not-a-model.js'
import type { Graph } from './model.js'
import { fieldsOf, textOf } from './wire.js'

/**
 * Puts nodes in front of a model: its input `name` is no longer fed by the caller but computed from the inputs of
 * `prelude` by its nodes, one of which must have `name` among its outputs. Everything else in the file stays as it is,
 * to the byte, parts that this package does not know included.
 *
 * @throws OnnxError `ONNX_INPUT` if the model has no such input, `ONNX_INVALID` if it is none
 */
export function replaceInput(
  bytes: Uint8Array,
  name: string,
  prelude: Omit<Graph, 'name' | 'outputs'>,
): Uint8Array {
  return asOnnx(bytes, 'model', () => {
    const parts = [...fieldsOf(bytes)].flatMap((field) =>
      field.number === MODEL.graph
        ? messageParts(MODEL.graph, replaceInGraph(field.content, name, prelude))
        : [field.raw],
    )
    return Buffer.concat(parts)
  })
}

function replaceInGraph(
  graph: Uint8Array,
  name: string,
  prelude: Omit<Graph, 'name' | 'outputs'>,
): Uint8Array[] {
  const added = new BinaryWriter()
  for (const node of prelude.nodes) writeMessage(added, GRAPH.node, encodeNode(node))
  for (const input of prelude.inputs) writeMessage(added, GRAPH.input, encodeTensorInfo(input))

  const fields = [...fieldsOf(graph)]
  const kept = fields.filter(
    (field) => field.number !== GRAPH.input || textOf(field.content, VALUE_INFO.name) !== name,
  )
  if (kept.length === fields.length) {
    throw new OnnxError('ONNX_INPUT', `Expected an input named ${name} in the model but found none`)
  }
  // The prelude comes first: ONNX wants nodes in topological order.
  return [
    added.finish(),
    ...prelude.initializers.flatMap(initializerParts),
    ...kept.map((field) => field.raw),
  ]
}
