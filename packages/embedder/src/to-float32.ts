import { Float16Array } from '@petamoriken/float16'
import type { Tensor } from 'onnxruntime-node'

/**
 * Numbers of a float32, float16 or float64 tensor as float32. Where JavaScript has no float16 of its own, as in Node 20,
 * the runtime gives its bits.
 */
export function toFloat32(data: Tensor['data']): Float32Array {
  if (data instanceof Float32Array) return data
  if (data instanceof Uint16Array) {
    return new Float32Array(new Float16Array(data.buffer, data.byteOffset, data.length))
  }
  return new Float32Array(data as Float64Array)
}
