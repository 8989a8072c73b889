import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Embedder } from '@facekit/embedder'
import { openNpy } from '@facekit/io-npy'
import { readModel } from '@facekit/onnx'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { createTalk } from '../src/talk.js'
import { convertWeights } from '../src/weights/convert-weights.js'
import { openInt8 } from '../src/weights/int8.js'
import { drawAlbum } from './album.js'
import { builtFacekit, facekit, temporaryFolder } from './program.js'

const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))
const FEATURES = 64 * 7 * 7
const inFolder = temporaryFolder()
const album = inFolder('album')
process.env['XDG_CACHE_HOME'] = inFolder('cache')

let fp32: Extracted

beforeAll(async () => {
  drawAlbum(album, 8, 4)
  drawAlbum(inFolder('large'), 70, 4)
  fp32 = await extract('fp32')
})

function list(name: string, text: string): string {
  writeFileSync(inFolder(name), text)
  return inFolder(name)
}

function loop(name: string): string {
  symlinkSync(inFolder(name), inFolder(name))
  return inFolder(name)
}

async function embeddingsIn(folder: string): Promise<{ dim: number; values: Float32Array }> {
  const name = readdirSync(folder).find((file) => file.startsWith('final_embs'))!
  const file = await openNpy(join(folder, name))
  const values = await file.readFloat32()
  await file.close()
  return { dim: file.rowLength, values }
}

interface Extracted {
  stderr: string
  dim: number
  /** rows × dim, row-major. */
  values: Float32Array
}

async function extract(name: string, ...more: string[]): Promise<Extracted> {
  const output = inFolder(name)
  const weights = more.includes('--weights') ? [] : ['--weights', DEMO]
  const { status, stderr } = await facekit([
    'extract',
    '--input',
    album,
    '--output',
    output,
    '--overwrite',
    ...weights,
    ...more,
  ])
  expect(status, stderr).toBe(0)
  return { stderr, ...(await embeddingsIn(output)) }
}

function cosines(a: Float32Array, b: Float32Array, dim: number): number[] {
  return Array.from({ length: a.length / dim }, (_, row) => {
    const [x, y] = [a, b].map((all) => all.subarray(row * dim, (row + 1) * dim))
    return x!.reduce((sum, value, i) => sum + value * y![i]!, 0) / (Math.hypot(...x!) * Math.hypot(...y!))
  })
}

describe('extract with PyTorch weights', () => {
  it('gives the embedding, the features before it, or both in the contract’s order', async () => {
    expect(fp32.dim).toBe(128)
    const both = await extract('both', '--emb-dim', String(FEATURES + 128), '--use-l2-norm')
    expect(readdirSync(inFolder('both'))).toContain('final_embs_norm.npy')
    const features = await extract('features', '--output-name', 'features')
    expect([both.dim, features.dim]).toEqual([FEATURES + 128, FEATURES])
    for (let row = 0; row < 32; row++) {
      const start = row * both.dim
      expect(both.values.subarray(start, start + FEATURES)).toEqual(
        features.values.subarray(row * FEATURES, (row + 1) * FEATURES),
      )
      const own = fp32.values.subarray(row * 128, (row + 1) * 128)
      const tail = both.values.subarray(start + FEATURES, start + both.dim)
      own.forEach((value, i) => expect(tail[i]).toBeCloseTo(value / Math.hypot(...own), 5))
    }
  })

  it('keeps the converted model, and takes it the next time unless it is damaged or not wanted', async () => {
    const cache = inFolder('cache', 'facekit')
    const first = await extract('cached-1', '--use-l2-norm')
    const models = readdirSync(cache)
    expect(models.every((name) => name.endsWith('.model'))).toBe(true)
    const made = () => models.map((name) => statSync(join(cache, name)).mtimeMs)
    const before = made()
    expect((await extract('cached-2', '--use-l2-norm')).values).toEqual(first.values)
    expect(made()).toEqual(before)
    await extract('uncached', '--no-cache', '--pixel-mean', '100')
    expect(readdirSync(cache)).toEqual(models)
  })

  it.each([
    ['a file', () => list('a-file', '')],
    ['a place where nothing can be written', () => '/proc/cache'],
    ['a folder that is full of links to itself', () => loop('loop')],
  ])('goes on, and says so, where the cache is %s', async (_what, cache) => {
    process.env['XDG_CACHE_HOME'] = cache()
    const { stderr, values } = await extract('homeless').finally(
      () => (process.env['XDG_CACHE_HOME'] = inFolder('cache')),
    )
    expect(stderr).toContain('The converted model is not cached: ')
    expect(values).toEqual(fp32.values)
  })

  it('goes on, and says so, where there is no home', async () => {
    const args = ['extract', '--input', album, '--weights', DEMO, '--output', inFolder('no-home')]
    // Looked for when the program starts.
    const { status, stderr } = await builtFacekit(args, { env: { HOME: '', XDG_CACHE_HOME: '' } })
    expect(stderr).toContain('The converted model is not cached: there is no home folder')
    expect(status).toBe(0)
    expect((await embeddingsIn(inFolder('no-home'))).values).toEqual(fp32.values)
  })

  it('is kept once by many that make it at once', async () => {
    const cache = inFolder('cache', 'facekit')
    rmSync(cache, { recursive: true })
    const all = await Promise.all([1, 2, 3].map(async (i) => extract(`at-once-${i}`, '--use-l2-norm')))
    for (const { values, stderr } of all) {
      expect(values).toEqual(all[0]!.values)
      expect(stderr).not.toMatch(/damaged|not cached/)
    }
    expect(readdirSync(cache)).toHaveLength(1)
  })

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['is cut short', (bytes) => bytes.subarray(0, 1000)],
    ['is empty', () => Buffer.alloc(0)],
    // One of a weight.
    ['has one wrong bit', (bytes) => bytes.fill(bytes[50_000]! ^ 1, 50_000, 50_001)],
  ])('makes a kept model anew that %s, and says so', async (_how, damage) => {
    const cache = inFolder('cache', 'facekit')
    const first = await extract('whole', '--use-l2-norm')
    const models = readdirSync(cache).map((name) => join(cache, name))
    const kept = models.map((file) => readFileSync(file))
    models.forEach((file, i) => writeFileSync(file, damage(Buffer.from(kept[i]!))))
    const again = await extract('damaged', '--use-l2-norm')
    expect(again.values).toEqual(first.values)
    expect(again.stderr).toContain('is damaged: it is made anew')
    expect((await extract('mended', '--use-l2-norm')).stderr).not.toContain('damaged')
    models.forEach((file, i) => writeFileSync(file, kept[i]!))
  })

  it.each([
    ['--channels', 'bgr'],
    ['--pixel-mean', '100,110,120'],
    ['--pixel-mean', '120,110,100'],
    ['--pixel-std', '100'],
    ['--bn-eps', '1e-3'],
    ['--size', '100'],
    ['--use-l2-norm'],
    ['--output-name', 'features'],
    ['--emb-dim', String(FEATURES + 128)],
    ['--precision', 'fp16'],
    ['--precision', 'fp16', '--channels', 'bgr'],
    ['--precision', 'int8'],
    ['--precision', 'int8', '--channels', 'bgr'],
    ['--precision', 'int8', '--calibration', inFolder('large')],
  ])('takes no model that was kept for other options: %s %s %s %s', async (...options) => {
    const kept = await extract('kept', ...options)
    const fresh = await extract('fresh', '--no-cache', ...options)
    expect(kept.values).toEqual(fresh.values)
    expect(kept.values).not.toEqual(fp32.values)
  })

  it('runs in 8 bits, calibrated on the first images, and says how well they agree', async () => {
    const agreement = /int8: calibrated on 24 images; cosine to fp32 on 8 others: mean 0\.99\d\d, worst/
    const first = await extract('int8', '--precision', 'int8')
    expect(first.stderr).toMatch(agreement)
    for (const cosine of cosines(first.values, fp32.values, 128)) expect(cosine).toBeGreaterThan(0.99)
    // Found again, and said again.
    const again = await extract('int8-again', '--precision', 'int8')
    expect(again.stderr).toMatch(agreement)
    expect(again.values).toEqual(first.values)
  })

  it('runs in 16 bits', async () => {
    const half = await extract('fp16', '--precision', 'fp16')
    for (const cosine of cosines(half.values, fp32.values, 128)) expect(cosine).toBeGreaterThan(0.9999)
  })

  it.each([
    [
      'slower than fp32',
      { int8: 8, full: 5 },
      [expect.stringMatching(/int8 is no faster than fp32 .*500 against 800/)],
    ],
    ['as fast as fp32', { int8: 5, full: 5 }, [expect.stringContaining('800 against 800')]],
    ['faster than fp32', { int8: 5, full: 8 }, []],
  ])('says so where int8 does not pay: %s', async (_case, milliseconds, lines) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const open = new Set<Uint8Array>()
    /** Takes so long for four images as its model's only byte says. */
    const openFake = async (model: Uint8Array): Promise<Embedder> => {
      open.add(model)
      const run = async () => {
        vi.advanceTimersByTime(model[0]!)
        return new Float32Array()
      }
      const close = async () => void open.delete(model)
      return { width: 4, height: 4, sessions: 1, run, close } as Partial<Embedder> as Embedder
    }
    const [int8, full] = [Uint8Array.of(milliseconds.int8), Uint8Array.of(milliseconds.full)]
    const warnings: string[] = []
    const talk = { info() {}, progress() {}, warn: (line: string) => void warnings.push(line) }
    await openInt8({ int8, full, open: openFake, talk }).finally(() => vi.useRealTimers())
    expect(warnings).toEqual(lines)
    expect([...open]).toEqual([int8])
  })

  it.each([
    [
      'a length that the weights do not give',
      ['--emb-dim', '300'],
      3,
      /dimension 300 but .*embedding \(dimension 128\), features \(dimension 3136\)/,
    ],
    [
      'int8 of an ONNX model',
      ['--weights', 'model.onnx', '--precision', 'int8'],
      2,
      /PyTorch weights for --precision int8/,
    ],
    ['weights that are not there', ['--weights', 'nowhere.pth'], 3, /nowhere\.pth/],
    ['a pickle that runs code', ['--weights', 'evil.pth'], 3, /os\.system/],
  ])('refuses %s', async (_case, more, status, message) => {
    writeFileSync(
      inFolder('evil.pth'),
      Buffer.from('\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.', 'latin1'),
    )
    const args = more.map((arg) => (arg === 'evil.pth' ? inFolder(arg) : arg))
    const weights = args.includes('--weights') ? [] : ['--weights', DEMO]
    const output = inFolder('refused')
    const outcome = await facekit(['extract', '--input', album, '--output', output, ...weights, ...args])
    expect(outcome.stderr).toMatch(message)
    expect(outcome.status).toBe(status)
    expect(existsSync(output)).toBe(false)
  })
})

describe('convert', () => {
  it('writes a model that gives what the weights give, and says what it was made of', async () => {
    const model = inFolder('models', 'demo.onnx')
    const { status, stdout, stderr } = await facekit(['convert', DEMO, model, '--json'])
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      dialect: 'revised',
      depths: '1,2,2,1',
      widths: '8,8,16,32,64',
    })
    const { inputs, outputs, metadata } = readModel(readFileSync(model))
    expect(inputs).toEqual([{ name: 'pixels', elementType: 'uint8', shape: ['N', 112, 112, 3] }])
    expect(outputs).toEqual([{ name: 'embedding', elementType: 'float32', shape: ['N', 128] }])
    expect(metadata['facekit.source_sha256']).toMatch(/^[0-9a-f]{64}$/)
    expect((await extract('converted', '--weights', model)).values).toEqual(fp32.values)
    expect(readdirSync(dirname(model))).toEqual(['demo.onnx'])
  })

  it('replaces neither the weights nor what is no file', async () => {
    const [weights, link, pipe] = ['own.pth', 'link.onnx', 'pipe'].map((name) => inFolder(name))
    copyFileSync(DEMO, weights!)
    linkSync(weights!, link!)
    for (const model of [weights!, link!]) {
      const { status, stderr } = await facekit(['convert', weights!, model])
      expect(stderr).toContain(`Expected another file for the model than the weights but received ${model}`)
      expect(status).toBe(2)
    }
    expect(readFileSync(weights!).equals(readFileSync(DEMO))).toBe(true)

    spawnSync('mkfifo', [pipe!])
    const { status, stderr } = await facekit(['convert', DEMO, pipe!])
    expect(stderr).toContain(`${pipe} but a device or pipe has its name. Choose another. [OUTPUT_EXISTS]`)
    expect(status).toBe(3)
    expect(lstatSync(pipe!).isFIFO()).toBe(true)
  })

  it('refuses weights that are replaced while they are read', async () => {
    const weights = inFolder('changing.pth')
    copyFileSync(DEMO, weights)
    const replace = (): ['embedding'] => {
      copyFileSync(DEMO, `${weights}-new`)
      renameSync(`${weights}-new`, weights)
      return ['embedding']
    }
    const options = { weights, useL2Norm: false, channels: 'rgb' } as const
    const context = { pictures: undefined, talk: createTalk(new PassThrough(), true) }
    await expect(convertWeights(options, replace, context)).rejects.toMatchObject({ code: 'WEIGHTS_CHANGED' })
  })

  it('writes several outputs, of which extract takes the embedding', async () => {
    const model = inFolder('several.onnx')
    await facekit(['convert', DEMO, model, '--outputs', 'features', 'embedding', '--use-l2-norm'])
    expect(readModel(readFileSync(model)).outputs.map(({ name }) => name)).toEqual(['features', 'embedding'])
    const { dim, values } = await extract('of-several', '--weights', model)
    expect(dim).toBe(128)
    expect(Math.hypot(...values.subarray(0, 128))).toBeCloseTo(1, 5)
    expect(readdirSync(inFolder('of-several'))).toContain('final_embs_norm.npy')
  })

  it.each([
    ['more than enough', 'large', 192, 64],
    ['hardly any', 'album/person_1', 3, 1],
  ])('calibrates int8 with %s images', async (_case, images, calibrated, others) => {
    const model = inFolder(`int8-${calibrated}.onnx`)
    const calibration = ['--precision', 'int8', '--calibration', inFolder(images)]
    const { stderr } = await facekit(['convert', DEMO, model, ...calibration])
    expect(stderr).toMatch(
      new RegExp(`calibrated on ${calibrated} images; cosine to fp32 on ${others} others: mean 0\\.99`),
    )
    const { values } = await extract(`with-${calibrated}`, '--weights', model)
    for (const cosine of cosines(values, fp32.values, 128)) expect(cosine).toBeGreaterThan(0.98)
  })

  it('needs images for int8', async () => {
    const refused = await facekit(['convert', DEMO, inFolder('int8.onnx'), '--precision', 'int8'])
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('--calibration')])
    mkdirSync(inFolder('none'))
    const empty = await facekit([
      'convert',
      DEMO,
      inFolder('int8.onnx'),
      '--precision',
      'int8',
      '--calibration',
      inFolder('none'),
    ])
    expect([empty.status, empty.stderr]).toEqual([2, expect.stringContaining('at least 4 images')])
    expect(existsSync(inFolder('int8.onnx'))).toBe(false)
  })
})
