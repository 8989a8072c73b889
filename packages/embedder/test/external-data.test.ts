import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { externalModel } from '@facekit/testing'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openEmbedder } from '../src/index.js'

const root = mkdtempSync(join(tmpdir(), 'facekit-external-'))
afterAll(() => rmSync(root, { recursive: true }))

let folder = ''
let count = 0
beforeEach(() => (folder = join(root, String(count++))))

const WEIGHTS = Buffer.from(Float32Array.of(1, 20, 300).buffer)

function put(name: string, content: Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

function link(name: string, target: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
  return path
}

async function open(model: string, threads = 1) {
  return openEmbedder({ model, threads, pixels: { mean: 0, std: 1 }, size: { width: 6, height: 4 } })
}

/** A black picture has the weights for its embedding. */
async function expectWeights(model: string): Promise<void> {
  const embedder = await open(model)
  expect([...(await embedder.run(new Uint8Array(72), 1))]).toEqual([1, 20, 300])
  await embedder.close()
}

describe('external data', () => {
  it.each(['model.onnx_data', './model.onnx_data', 'data/weights.bin'])(
    'is found beside its model: %s',
    async (location) => {
      const model = put('model.onnx', externalModel(location))
      put(location, WEIGHTS)
      await expectWeights(model)
    },
  )

  it('is found through links, as in a download cache', async () => {
    put('blobs/1f2e', externalModel('model.onnx_data', { offset: '4', length: '12' }))
    put('blobs/3d4c', Buffer.concat([Buffer.alloc(4), WEIGHTS]))
    const model = link('snapshots/main/onnx/model.onnx', '../../../blobs/1f2e')
    link('snapshots/main/onnx/model.onnx_data', '../../../blobs/3d4c')
    await expectWeights(model)
  })

  it('is found beside the file that a link leads to', async () => {
    put('models/model.onnx', externalModel('model.onnx_data'))
    put('models/model.onnx_data', WEIGHTS)
    await expectWeights(link('current.onnx', 'models/model.onnx'))
  })

  it('is a part of the model’s hash', async () => {
    const model = put('model.onnx', externalModel('weights.bin'))
    const hashes = []
    for (const weights of [WEIGHTS, Buffer.alloc(12)]) {
      put('weights.bin', weights)
      const { modelHash, close } = await open(model)
      await close()
      hashes.push(modelHash)
      expect(modelHash).toBe(
        createHash('sha256').update(externalModel('weights.bin')).update(weights).digest('hex'),
      )
    }
    expect(hashes[0]).not.toBe(hashes[1])
  })

  it('counts where sessions have their own copies', async () => {
    const model = put('model.onnx', externalModel('weights.bin', { length: '12' }))
    truncateSync(put('weights.bin', WEIGHTS), 400 * 2 ** 20)
    const embedder = await open(model, 4)
    expect(embedder.sessions).toBe(2)
    await embedder.close()
  })

  it.each<[string, Record<string, string>, number | undefined]>([
    ['missing', {}, undefined],
    ['cut short', { length: '12' }, 11],
    ['shorter than its offset', { offset: '12' }, 4],
  ])('that is %s is named', async (_case, where, bytes) => {
    const model = put('model.onnx', externalModel('model.onnx_data', where))
    if (bytes !== undefined) put('model.onnx_data', Buffer.alloc(bytes))
    await expect(open(model)).rejects.toMatchObject({
      code: 'MODEL_FILE',
      message: expect.stringContaining(join(folder, 'model.onnx_data')),
    })
  })

  it.each(['../secret.bin', 'data/../../secret.bin', '/etc/passwd', '..', '', '.', 'data'])(
    'is not looked for elsewhere: %j',
    async (location) => {
      const model = put('models/model.onnx', externalModel(location))
      put('secret.bin', WEIGHTS)
      put('models/data/weights.bin', WEIGHTS)
      await expect(open(model)).rejects.toMatchObject({
        code: 'MODEL_FILE',
        message: expect.stringContaining(model),
      })
    },
  )

  it('needs the path of its model', async () => {
    const model = { bytes: externalModel('weights.bin'), name: 'the model' }
    await expect(openEmbedder({ model })).rejects.toMatchObject({
      code: 'MODEL_FILE',
      message: expect.stringMatching(/path of the model.*weights\.bin/),
    })
  })
})
