import { pathToFileURL } from 'node:url'
import { buildModel } from '@facekit/onnx'
import { expect, it, vi } from 'vitest'

// As in a bundle, where the file of the thread is looked for beside what was made of all files.
vi.mock('@facekit/core', async (original) => ({
  ...(await original<typeof import('@facekit/core')>()),
  threadFile: () => pathToFileURL('/bundle/session-worker.js'),
}))

it('a thread that was left out of a bundle is not taken for a fault of the model', async () => {
  const { openEmbedder } = await import('../src/index.js')
  const bytes = buildModel({
    name: 'means',
    inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
    outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
    nodes: [
      {
        opType: 'ReduceMean',
        inputs: ['image'],
        outputs: ['embedding'],
        attributes: { axes: [2, 3], keepdims: 0 },
      },
    ],
    initializers: [],
  })
  await expect(openEmbedder({ model: { bytes, name: 'means' } })).rejects.toMatchObject({
    code: 'THREAD_FILE',
    message: expect.stringContaining('--external:@facekit/*'),
  })
})
