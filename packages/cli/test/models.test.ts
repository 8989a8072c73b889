import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openNpy } from '@facekit/io-npy'
import { buildModel, GraphBuilder } from '@facekit/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum } from './album.js'
import { facekit, temporaryFolder, type Outcome } from './program.js'

const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))
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
    '--overwrite',
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

describe('a model that normalises its pixels itself', () => {
  const model = inFolder('normalises.onnx')
  beforeAll(() => {
    const graph = new GraphBuilder()
    const number = (value: number) => graph.constant('float32', [1], Float32Array.of(value))
    const normalized = graph.node('Mul', [graph.node('Sub', ['image', number(127.5)]), number(1 / 127.5)])
    graph.node('ReduceMean', [normalized], { axes: [2, 3], keepdims: 0 }, 'embedding')
    const { nodes, initializers } = graph
    const bytes = buildModel({
      name: 'normalises',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
      nodes,
      initializers,
    })
    writeFileSync(model, bytes)
  })

  it('gets its pixels as they are, which is said even with --quiet', async () => {
    const alone = await embeddings(model, '--quiet')
    expect(alone.stderr).toMatch(
      /normalises\.onnx begins with \(x − 127\.5\) \/ 127\.5 .* gets them as 0–255\n$/,
    )
    const asked = await embeddings(model, '--quiet', '--pixel-mean', '0', '--pixel-std', '1')
    expect(asked.stderr).toBe('')
    expect(asked.values).toEqual(alone.values)
    // The pictures are light and dark: normalised, they are around 0.
    for (const value of alone.values) expect(Math.abs(value)).toBeLessThan(0.5)
  })

  it('is normalised twice only on request, with a warning', async () => {
    const twice = ['--quiet', '--pixel-mean', '127.5', '--pixel-std', '127.5']
    expect((await embeddings(model, ...twice)).stderr).toContain('a second time')
  })
})

describe('a converted model', () => {
  const options = ['--channels', 'bgr', '--pixel-mean', '100,110,120']
  const model = inFolder('converted.onnx')
  beforeAll(async () => {
    const { status, stderr } = await facekit(['convert', DEMO, model, ...options])
    expect(status, stderr).toBe(0)
  })

  it('has its channels and its normalisation inside', async () => {
    const { values } = await embeddings(model)
    expect(values).toEqual((await embeddings(DEMO, ...options, '--no-cache')).values)
  })

  it.each([
    [['--channels', 'bgr']],
    [['--pixel-mean', '127.5']],
    [['--pixel-std', '1,2,3']],
    [['--pixel-mean', '0', '--pixel-std', '1', '--channels', 'bgr']],
  ])('does not take %j a second time', async (flags) => {
    const { status, stderr } = await extract(model, ...flags)
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/Expected no pixel mean, std or channels for .*converted\.onnx.*Leave them out/),
    ])
  })
})
