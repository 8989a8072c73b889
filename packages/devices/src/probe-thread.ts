import { serve, type Device } from '@facekit/core'
import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sessionOptions } from './session-options.js'

const FATAL_ONLY = 4

/** Multiplies a matrix on a device: a provider may take long to say no, and blocks the thread that asks. */
async function tryOut(device: Device): Promise<void> {
  const shape = [2, 2]
  const model = buildModel({
    name: 'probe',
    inputs: [{ name: 'x', elementType: 'float32', shape }],
    outputs: [{ name: 'y', elementType: 'float32', shape }],
    nodes: [{ opType: 'MatMul', inputs: ['x', 'x'], outputs: ['y'] }],
    initializers: [],
  })
  const session = await InferenceSession.create(model, {
    ...sessionOptions(device),
    logSeverityLevel: FATAL_ONLY,
  })
  const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2, 3, 4), shape) })
  await session.release()
  const [a, b, c, d] = y!.data as Float32Array
  if (a !== 7 || b !== 10 || c !== 15 || d !== 22)
    throw new Error(`it multiplies wrongly: ${[a, b, c, d].join()}`)
}

/** The thread that tries a device, once. */
serve(async (device: Device) => {
  await tryOut(device)
  return {}
})
