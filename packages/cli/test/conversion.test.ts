import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder } from '@facekit/embedder'
import { openNpy } from '@facekit/io-npy'
import { readModel } from '@facekit/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { openHalfPrecision } from '../src/weights/half-precision.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { writeWeights } from './made-weights.js'
import { facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
process.env['XDG_CACHE_HOME'] = inFolder('cache')

beforeAll(async () => {
  drawAlbum(album, 2, 4)
  writeBlockModel(inFolder('blocks.onnx'))
  await writeWeights(inFolder('plain.pth'))
  await writeWeights(inFolder('of-120.pth'), { picture: [120, 120] })
  await writeWeights(inFolder('portrait.pth'), { picture: [112, 96], dialect: 'arcface' })
  await writeWeights(inFolder('adaface.pth'), { dialect: 'adaface' })
  await writeWeights(inFolder('ir-se.pth'), { dialect: 'ir', se: true })
  const largeNorm = (values: Float32Array) => values.fill(3e4)
  // Each constant is a float16, the sums are not.
  await writeWeights(inFolder('overflow.pth'), {}, { 'body.1.0.bn3.weight': largeNorm })
  await writeWeights(inFolder('too-large.pth'), {}, { 'head.3.bias': (values) => values.fill(1e6) })
  await writeWeights(inFolder('nan.pth'), {}, { 'body.1.0.conv1.weight': (values) => values.fill(NaN, 3, 4) })
})

const extract = (weights: string, output: string, ...more: string[]) =>
  facekit([
    'extract',
    '--input',
    album,
    '--weights',
    inFolder(weights),
    '--output',
    inFolder(output),
    '--overwrite',
    ...more,
  ])

const convert = (weights: string, model: string, ...more: string[]) =>
  facekit(['convert', inFolder(weights), inFolder(model), ...more])

async function embeddingsIn(output: string): Promise<Float32Array> {
  const file = await openNpy(join(inFolder(output), 'final_embs.npy'))
  return file.readFloat32().finally(async () => file.close())
}

/** What `extract` gave must not have appeared. */
function nothingIn(output: string): boolean {
  return !existsSync(inFolder(output)) || readdirSync(inFolder(output)).length === 0
}

describe('the size of the pictures', () => {
  it('is refused where the weights leave it open, with the sizes that fit', async () => {
    const refused = await extract('of-120.pth', 'no-size')
    expect(refused.stderr).toMatch(
      /--size.*head\.3\.weight of .*of-120\.pth .*8×8.*113…128 a side fit, usually 120 or 128/,
    )
    expect([refused.status, nothingIn('no-size')]).toEqual([3, true])
    const wrong = await extract('of-120.pth', 'wrong-size', '--size', '112x120')
    expect(wrong.stderr).toMatch(/112×120 pixels give one of 7×8/)
    expect([wrong.status, nothingIn('wrong-size')]).toEqual([2, true])
  })

  it.each([
    ['of-120.pth', '120', 120, 120, 32 * 64],
    ['of-120.pth', '128', 128, 128, 32 * 64],
    ['portrait.pth', '96x112', 96, 112, 32 * 42],
    ['plain.pth', '100', 100, 100, 32 * 49],
  ])('is taken for %s: --size %s', async (weights, size, width, height, features) => {
    const { status, stderr } = await extract(weights, 'sized', '--size', size)
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`${width}×${height} pixels to 64 numbers`)
    const summary = await convert(weights, 'sized.onnx', '--size', size, '--json')
    expect(JSON.parse(summary.stdout)).toMatchObject({ size: `${width}×${height}`, bnEps: 1e-5 })
    expect(readModel(readFileSync(inFolder('sized.onnx'))).inputs[0]!.shape).toEqual(['N', height, width, 3])
    await extract('sized.onnx', 'sized-onnx')
    expect(await embeddingsIn('sized-onnx')).toEqual(await embeddingsIn('sized'))
    const both = ['--emb-dim', String(features + 64)]
    const withFeatures = await extract(weights, 'sized-features', '--size', size, ...both)
    expect(withFeatures.status, withFeatures.stderr).toBe(0)
  })

  it.each(['fp16', 'int8'])('is that of the pictures that %s is tried on', async (precision) => {
    const { status, stderr } = await extract(
      'portrait.pth',
      precision,
      '--size',
      '96x112',
      '--precision',
      precision,
    )
    expect(status, stderr).toBe(0)
    expect(stderr).toMatch(/cosine to fp32/)
  })
})

describe('IR networks', () => {
  it.each([
    ['adaface.pth', 'adaface'],
    ['ir-se.pth', 'ir'],
  ])('become what they are: %s', async (weights, dialect) => {
    const summary = await convert(weights, 'ir.onnx', '--json', '--outputs', 'embedding', 'features')
    expect(JSON.parse(summary.stdout)).toMatchObject({ dialect, depths: '1,2,2,1', widths: '8,8,16,24,32' })
    expect((await extract(weights, 'ir', '--channels', 'rgb')).status).toBe(0)
    expect((await extract('ir.onnx', 'ir-onnx', '--output-name', 'embedding')).status).toBe(0)
    expect(await embeddingsIn('ir-onnx')).toEqual(await embeddingsIn('ir'))
  })

  it.each(['fp32', 'fp16', 'int8'])(
    'of the kind of AdaFace are said to be trained on BGR, once: %s',
    async (precision) => {
      const advice = /adaface\.pth is of AdaFace's kind.* --channels bgr/g
      const { status, stderr } = await extract('adaface.pth', 'advised', '--precision', precision)
      expect(status, stderr).toBe(0)
      expect(stderr.match(advice)).toHaveLength(1)
      expect((await convert('adaface.pth', 'advised.onnx')).stderr.match(advice)).toHaveLength(1)
      for (const channels of ['rgb', 'bgr'])
        expect((await extract('adaface.pth', 'chosen', '--channels', channels)).stderr).not.toMatch(advice)
      expect((await extract('ir-se.pth', 'other')).stderr).not.toMatch(advice)
    },
  )
})

describe('--bn-eps', () => {
  it('is that of the batch norms', async () => {
    for (const [output, ...more] of [['default'], ['1e-5', '--bn-eps', '1e-5'], ['2e-5', '--bn-eps', '2e-5']])
      expect((await extract('plain.pth', `eps-${output}`, ...more)).status).toBe(0)
    expect(await embeddingsIn('eps-1e-5')).toEqual(await embeddingsIn('eps-default'))
    expect(await embeddingsIn('eps-2e-5')).not.toEqual(await embeddingsIn('eps-default'))
    const { stderr } = await convert('plain.pth', 'eps.onnx', '--bn-eps', '0.001')
    expect(stderr).toContain('batch norm epsilon 0.001')
  })

  it.each([
    ['plain.pth', '0', /above 0, up to 0\.01, for --bn-eps but received 0/],
    ['plain.pth', '-1e-5', /--bn-eps/],
    ['plain.pth', '0.1', /received 0\.1/],
    ['plain.pth', 'small', /received small/],
    ['blocks.onnx', '2e-5', /PyTorch weights for --bn-eps/],
  ])('is refused: of %s %s', async (weights, eps, message) => {
    const { status, stderr } = await extract(weights, 'refused-eps', `--bn-eps=${eps}`)
    expect(stderr).toMatch(message)
    expect([status, nothingIn('refused-eps')]).toEqual([2, true])
  })
})

describe('weights that give no numbers', () => {
  it.each(['fp32', 'fp16', 'int8'])('are refused in %s by the name of the tensor', async (precision) => {
    const message = /finite numbers in body\.1\.0\.conv1\.weight of .*nan\.pth but number 3 of it is NaN/
    const extracted = await extract('nan.pth', 'nan', '--precision', precision)
    expect(extracted.stderr).toMatch(message)
    expect([extracted.status, nothingIn('nan')]).toEqual([3, true])
    const converted = await convert('nan.pth', 'nan.onnx', '--precision', precision, '--calibration', album)
    expect(converted.stderr).toMatch(message)
    expect([converted.status, existsSync(inFolder('nan.onnx'))]).toEqual([3, false])
  })

  it('are refused in fp16 by the name of the tensor that it does not reach', async () => {
    const full = await extract('too-large.pth', 'full')
    expect(full.status, full.stderr).toBe(0)
    const message = /up to 65504, in head\.3 .*fix: fp32/
    const half = await extract('too-large.pth', 'half', '--precision', 'fp16')
    expect(half.stderr).toMatch(message)
    expect([half.status, nothingIn('half')]).toEqual([3, true])
    const converted = await convert('too-large.pth', 'half.onnx', '--precision', 'fp16')
    expect(converted.stderr).toMatch(message)
    expect([converted.status, existsSync(inFolder('half.onnx'))]).toEqual([3, false])
  })

  it('are refused in fp16 where it would overflow between the layers, though this CPU may not', async () => {
    for (const [which, ...more] of [
      ['made-up', '--use-l2-norm'],
      ['the first', '--calibration', album],
      ['made-up', '--outputs', 'features'],
    ]) {
      const { status, stderr } = await convert('overflow.pth', 'half.onnx', '--precision', 'fp16', ...more)
      expect(stderr).toMatch(new RegExp(`fp16 gives NaN or Infinity on ${which} images.*reach \\d+`))
      expect([status, existsSync(inFolder('half.onnx'))]).toEqual([3, false])
    }
  })

  it('do not appear where fp16 agrees, which is said', async () => {
    const half = await extract('plain.pth', 'agrees', '--precision', 'fp16')
    expect(half.stderr).toMatch(/Running in fp16: cosine to fp32 on the first images at least 0\.999|1\.0/)
    const converted = await convert('plain.pth', 'agrees.onnx', '--precision', 'fp16')
    expect(converted.stderr).toMatch(/fp16: cosine to fp32 on made-up images at least (0\.999|1\.0)/)
  })
})

describe('openHalfPrecision', () => {
  const models = { fp16: Uint8Array.of(16), fp32: Uint8Array.of(32), int8: Uint8Array.of(8) }

  /** @param results what the embedder of a model gives for any picture, by its first byte */
  const openWith = async (required: boolean, results: Record<number, number[]>) => {
    const open = new Set<number>()
    const said: string[] = []
    const openFake = async (model: Uint8Array): Promise<Embedder> => {
      const result = results[model[0]!]
      if (!result) throw new Error('no such operator\nat the device')
      open.add(model[0]!)
      const run = async (_: Uint8Array, rows: number) =>
        Float32Array.from({ length: rows * 2 }, (__, i) => result[i % 2]!)
      const close = async () => void open.delete(model[0]!)
      return { width: 4, height: 4, dim: 2, sessions: 1, run, close } as Partial<Embedder> as Embedder
    }
    const failure = await openHalfPrecision({
      required,
      convert: async (precision) => models[precision],
      pictures: undefined,
      open: openFake,
      openOnCpu: openFake,
      talk: { info: (line) => void said.push(line), warn: (line) => void said.push(line), progress() {} },
      signal: undefined,
    }).then(
      () => undefined,
      (error: Error) => error.message,
    )
    return { open: [...open], said, failure }
  }

  it.each([
    [
      'that agrees',
      { 16: [3, 4], 32: [3, 4.01] },
      [16],
      /Running in fp16: .*made-up images at least/,
      undefined,
    ],
    [
      'that differs',
      { 16: [4, -3], 32: [3, 4] },
      [32],
      /Running in fp32: .*cosine of 0\.000/,
      /cosine of 0\.000/,
    ],
    ['that is none', { 16: [NaN, 1], 32: [3, 4] }, [32], /Running in fp32: .*NaN/, /NaN or Infinity/],
    [
      'that does not run',
      { 32: [3, 4] },
      [32],
      /Running in fp32: the device does not run fp16 \(no such operator\)$/,
      /does not run fp16/,
    ],
  ])(
    'takes fp16 %s, or falls back; where it is required, fails',
    async (_case, results, open, line, message) => {
      const chosen = await openWith(false, results)
      expect(chosen).toEqual({ open, said: [expect.stringMatching(line)], failure: undefined })
      const required = await openWith(true, results)
      if (message) expect(required).toEqual({ open: [], said: [], failure: expect.stringMatching(message) })
      else expect(required).toEqual(chosen)
    },
  )
})
