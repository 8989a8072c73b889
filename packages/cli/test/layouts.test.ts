import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openNpy } from '@facekit/io-npy'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum } from './album.js'
import { writeWeights } from './made-weights.js'
import { facekit, temporaryFolder, type Outcome } from './program.js'

const FIXTURES = fileURLToPath(new URL('../../../../shared/fixtures/inputs/', import.meta.url))
const inFolder = temporaryFolder()
const album = inFolder('album')
const plain = inFolder('plain.pth')
const magface = inFolder('magface.pth')
const SHAPE = { dialect: 'arcface', depths: [1, 1, 1, 1] } as const

beforeAll(async () => {
  drawAlbum(album, 2, 4)
  // Small variances, where epsilon tells.
  const small = (values: Float32Array) => values.map((value) => value * 1e-4)
  const changes = { 'bn1.running_var': small, 'features.running_var': small }
  const shape = { ...SHAPE, depths: [...SHAPE.depths] }
  await writeWeights(plain, shape, changes)
  await writeWeights(magface, shape, changes, 'features.module.')
})

async function extract(weights: string, ...more: string[]): Promise<Outcome> {
  const args = ['extract', '--input', album, '--weights', weights, '--output', inFolder('embeddings')]
  return facekit([...args, '--overwrite', '--no-cache', ...more])
}

/** The embeddings, and what was said. */
async function embed(weights: string, ...more: string[]): Promise<{ values: Float32Array; stderr: string }> {
  const { status, stderr } = await extract(weights, ...more)
  expect(status, stderr).toBe(0)
  const name = readdirSync(inFolder('embeddings')).find((file) => file.startsWith('final_embs'))!
  const file = await openNpy(join(inFolder('embeddings'), name))
  return { values: await file.readFloat32().finally(async () => file.close()), stderr }
}

describe('weights in the layout of MagFace', () => {
  it('have its epsilon, which is said once, unless another is asked for', async () => {
    const { values, stderr } = await embed(magface)
    expect(stderr.match(/MagFace.*2e-5/g)).toHaveLength(1)
    expect(values).toEqual((await embed(plain, '--bn-eps', '2e-5')).values)
    const other = await embed(magface, '--bn-eps', '1e-5')
    expect(other.stderr).not.toContain('MagFace')
    expect(other.values).toEqual((await embed(plain)).values)
    expect(other.values).not.toEqual(values)
    // int8 is compared with fp32: two models.
    expect((await embed(magface, '--precision', 'int8')).stderr.match(/MagFace/g)).toHaveLength(1)
  })

  it('are converted with it', async () => {
    const { stderr } = await facekit(['convert', magface, inFolder('magface.onnx')])
    expect(stderr).toMatch(/MagFace.*2e-5[^]*Wrote .*batch norm epsilon 0\.00002/)
  })
})

describe('a file is taken for what it is', () => {
  it('PyTorch weights that are called .onnx, and ONNX that is called .pth', async () => {
    const { values } = await embed(plain)
    copyFileSync(plain, inFolder('weights.onnx'))
    expect((await embed(inFolder('weights.onnx'))).values).toEqual(values)
    await facekit(['convert', plain, inFolder('model.onnx')])
    copyFileSync(inFolder('model.onnx'), inFolder('model.pth'))
    expect((await embed(inFolder('model.pth'))).values).toEqual(values)
  })

  it.each([
    [
      'a web page',
      'page.onnx',
      '<!DOCTYPE html><html>',
      /page\.onnx but got a web page \(downloaded without/,
    ],
    ['a web page', 'page.pth', '<!DOCTYPE html><html>', /page\.pth: is a web page \(downloaded without/],
    [
      'a Git LFS pointer',
      'lfs.onnx',
      'version https://git-lfs',
      /lfs\.onnx but got a Git LFS pointer \(git lfs pull/,
    ],
    [
      'a Git LFS pointer',
      'lfs.pth',
      'version https://git-lfs',
      /lfs\.pth: is a Git LFS pointer \(git lfs pull/,
    ],
    ['nothing', 'empty.onnx', '', /empty\.onnx but got an empty file/],
  ])('and %s is said to be that: %s', async (_what, name, text, said) => {
    writeFileSync(inFolder(name), text)
    const { status, stderr } = await extract(inFolder(name))
    expect(stderr).toMatch(said)
    expect(status).toBe(3)
  })

  it.each(['folder', 'folder.pth'])('and a folder is said to be that: %s', async (name) => {
    mkdirSync(inFolder(name))
    const { status, stderr } = await extract(inFolder(name))
    expect(stderr).toMatch(/a folder: name a file in it/)
    expect(status).toBe(3)
  })
})

describe.skipIf(!existsSync(FIXTURES))('of files that people have', () => {
  it.each([
    ['magface_pub.pth', /MagFace.*2e-5[^]*Left out of .*: module\.fc\.weight\n/],
    ['w.pth', /Left out of .*: weight\n/],
    ['model.safetensors', /112×112 pixels to 32 numbers/],
    ['batch-fixed-inside.onnx', /takes one image at a time/],
  ])('%s is read', async (name, said) => {
    const { stderr, values } = await embed(join(FIXTURES, name))
    expect(stderr).toMatch(said)
    expect(values.every(Number.isFinite)).toBe(true)
  })

  it.each([
    ['quantised.pth', /quantised weights \(torch\.qint8\).*float weights .*--precision int8/],
    ['webpage.onnx', /a web page/],
    // An ONNX model by its content, whose output is transposed.
    ['onnx-named.pth', /MODEL_OUTPUT/],
  ])('%s is refused', async (name, said) => {
    const { status, stderr } = await extract(join(FIXTURES, name))
    expect(stderr).toMatch(said)
    expect(status).toBe(3)
  })
})
