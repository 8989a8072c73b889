import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNpy } from '@facekit/io-npy'
import { buildModel } from '@facekit/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum } from './album.js'
import { facekit, temporaryFolder, type Outcome } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')

beforeAll(() => drawAlbum(album, 2, 3))

/** Runs `extract` on the album. */
async function extract(model: string, ...more: string[]): Promise<Outcome> {
  return facekit([
    'extract',
    '--input',
    album,
    '--weights',
    model,
    '--output',
    inFolder('embeddings'),
    ...more,
  ])
}

/** The embeddings that `extract` gives, rows × dim, and what it says. */
async function embeddings(
  model: string,
  ...more: string[]
): Promise<{ values: Float32Array; stderr: string }> {
  const { status, stderr } = await extract(model, ...more)
  expect(status, stderr).toBe(0)
  const output = inFolder('embeddings')
  const name = readdirSync(output).find((file) => file.startsWith('final_embs'))!
  const file = await openNpy(join(output, name))
  const values = await file.readFloat32()
  await file.close()
  return { values, stderr }
}

describe('a model of free size', () => {
  const model = inFolder('free-size.onnx')
  beforeAll(() => {
    const mean = { axes: [2, 3], keepdims: 0 }
    const bytes = buildModel({
      name: 'means',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 'H', 'W'] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
      nodes: [{ opType: 'ReduceMean', inputs: ['image'], outputs: ['embedding'], attributes: mean }],
      initializers: [],
    })
    writeFileSync(model, bytes)
  })

  it('is fed 112×112 pixels, which is said, or what --size asks for', async () => {
    expect((await embeddings(model)).stderr).toMatch(/112×112 pixels \(.*free.*--size\) to 3 numbers/)
    expect((await embeddings(model, '--size', '160')).stderr).toContain('160×160 pixels to 3 numbers')
    expect((await embeddings(model, '--size=96x112')).stderr).toContain('96×112 pixels to 3 numbers')
  })

  it.each(['0', '112x', 'x112', '112x96x3', '1.5', 'large', '-112'])('refuses --size %s', async (size) => {
    const { status, stderr } = await extract(model, `--size=${size}`)
    expect([status, stderr]).toEqual([2, expect.stringContaining(`112x96, for --size but received ${size}`)])
  })
})
