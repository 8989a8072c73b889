import type { Tensor, InferenceSession } from 'onnxruntime-node'
import type { OutputInfo } from './output-info.js'
import { toFloat32 } from './to-float32.js'

/** What a forward pass gave, and for how many images. */
export interface ForwardPass {
  results: InferenceSession.OnnxValueMapType
  batch: number
}

/** What becomes an embedding. */
export const FLOAT_TYPES: readonly string[] = ['float32', 'float16', 'float64']

/** Two pictures of so many bytes each, the first bright, the second dark. */
export function probePictures(bytes: number): Uint8Array {
  return new Uint8Array(2 * bytes).map((_, i) => (i < bytes ? 255 - ((i * 11) % 103) : (i * 7) % 101))
}

/**
 * @param alone one image, in a batch with blank ones where that is fixed
 * @param among the same as the second of a batch; undefined where there is room for one only
 */
export function describeOutputs(alone: ForwardPass, among: ForwardPass | undefined): OutputInfo[] {
  return Object.entries(alone.results).map(([name, tensor]) => ({
    name,
    elementType: tensor.type,
    dim: tensor.size / alone.batch,
    shape: tensor.dims.slice(1),
    mixing: among ? mixing(tensor, alone.batch, among.results[name]!, among.batch) : 0,
  }))
}

function mixing(alone: Tensor, batchAlone: number, among: Tensor, batch: number): number {
  const dim = alone.size / batchAlone
  if (!FLOAT_TYPES.includes(alone.type) || batch < 2) return 0
  // Of dim × batch even rows that are alike would be wrong.
  const transposed = among.dims.length === 2 && among.dims[0] !== batch && among.dims[1] === batch
  if (transposed || among.size !== dim * batch) return Infinity
  return difference(toFloat32(alone.data).subarray(0, dim), toFloat32(among.data).subarray(dim, 2 * dim))
}

/** NaN where one of them holds it. */
function difference(a: Float32Array, b: Float32Array): number {
  let [apart, ofA, ofB] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    apart += (a[i]! - b[i]!) ** 2
    ofA += a[i]! ** 2
    ofB += b[i]! ** 2
  }
  return apart && Math.sqrt(apart / Math.max(ofA, ofB))
}
