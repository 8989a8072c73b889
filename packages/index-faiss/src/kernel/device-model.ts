import { buildModel, ELEMENT_TYPES, GraphBuilder } from '@facekit/onnx'
import { BLOCK_COLUMNS } from './product-kernel.js'

/**
 * Products of query rows with one of the tiles that the model holds, and what is left of them: `rowMaxima`, the largest
 * of each row; `blockMaxima`, the largest of each row and block of columns; `picked`, all products of some of these.
 *
 * 8-bit integers are exact in float32, and in the formats that tensor cores round it to; so are their sums below 2²⁴.
 *
 * @param tiles tiles × codeLength × tileRows uint8: codes plus `zero`
 */
export function deviceModel(
  tiles: Uint8Array,
  codeLength: number,
  tileRows: number,
  zero: number,
): Uint8Array {
  const graph = new GraphBuilder()
  const zeroPoint = graph.constant('float32', [], Float32Array.of(zero))
  const toCodes = (unsigned: string) => graph.node('Sub', [unsigned, zeroPoint])
  const toFloat = (integers: string) => graph.node('Cast', [integers], { to: ELEMENT_TYPES.float32 })
  const blocks = tileRows / BLOCK_COLUMNS

  const shape = [tiles.length / (codeLength * tileRows), codeLength, tileRows]
  const resident = graph.constant('uint8', shape, tiles)
  const tile = toFloat(graph.node('Gather', [resident, 'tile'], { axis: 0 }))
  const columns = graph.node('Reshape', [tile, graph.integers(codeLength, tileRows)])
  const products = graph.node('MatMul', [toCodes(toFloat('queries')), toCodes(columns)])
  const blocked = graph.node('Reshape', [products, graph.integers(-1, blocks, BLOCK_COLUMNS)])
  const blockMaxima = graph.node('ReduceMax', [blocked], { axes: [2], keepdims: 0 }, 'blockMaxima')
  graph.node('ReduceMax', [blockMaxima], { axes: [1], keepdims: 0 }, 'rowMaxima')
  const flat = graph.node('Reshape', [products, graph.integers(-1, BLOCK_COLUMNS)])
  graph.node('Gather', [flat, 'picks'], { axis: 0 }, 'picked')
  return buildModel({
    name: 'resident-products',
    inputs: [
      { name: 'queries', elementType: 'uint8', shape: ['rows', codeLength] },
      { name: 'tile', elementType: 'int64', shape: [1] },
      { name: 'picks', elementType: 'int32', shape: ['picks'] },
    ],
    outputs: [
      { name: 'rowMaxima', elementType: 'float32', shape: ['rows'] },
      { name: 'blockMaxima', elementType: 'float32', shape: ['rows', blocks] },
      { name: 'picked', elementType: 'float32', shape: ['picks', BLOCK_COLUMNS] },
    ],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
}
