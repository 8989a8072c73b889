import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PixelFormat } from '@facekit/core'
import { buildModel, GraphBuilder, PREPROCESSING } from '@facekit/onnx'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { expectedPixels } from '../src/expected-pixels.js'
import { openEmbedder } from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-pixels-'))
afterAll(() => rmSync(folder, { recursive: true }))

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
const COLOUR = [200, 100, 40]

/** @param constant of one number, or one for each channel */
type Start = (graph: GraphBuilder, constant: (...values: number[]) => string) => string

const batchNorm =
  (weight: number[], bias: number[], mean: number[], variance: number[]): Start =>
  (graph) => {
    const parts = [weight, bias, mean, variance].map((values) =>
      graph.constant('float32', [3], Float32Array.from(values)),
    )
    return graph.node('BatchNormalization', ['image', ...parts])
  }

interface Written {
  layout?: 'NCHW' | 'NHWC'
  metadata?: Readonly<Record<string, string>>
  elementType?: 'float32' | 'uint8'
}

/** Writes a model that begins so; its embedding is the mean of each channel afterwards. */
function write(start: Start, { layout = 'NCHW', metadata, elementType = 'float32' }: Written = {}): string {
  const graph = new GraphBuilder()
  const perChannel = layout === 'NCHW' ? [1, 1] : []
  const started = start(graph, (...values) =>
    graph.constant('float32', [values.length, ...perChannel], Float32Array.from(values)),
  )
  const axes = layout === 'NCHW' ? [2, 3] : [1, 2]
  const map = graph.node('Cast', [started], { to: 1 })
  graph.node('ReduceMean', [map], { axes, keepdims: 0 }, 'embedding')
  const { nodes, initializers } = graph
  const shape = layout === 'NCHW' ? ['N', 3, 4, 6] : ['N', 4, 6, 3]
  const file = join(folder, 'model.onnx')
  const bytes = buildModel(
    {
      name: 'start',
      inputs: [{ name: 'image', elementType, shape }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
      nodes,
      initializers,
    },
    { metadata: metadata ?? {} },
  )
  writeFileSync(file, bytes)
  return file
}

/** The embedding of a picture of one colour, what was said, and what a runtime would give of these numbers. */
async function open(model: string, pixels: PixelFormat = {}) {
  const warnings: string[] = []
  const embedder = await openEmbedder({
    model,
    pixels,
    threads: 1,
    onWarning: (line) => void warnings.push(line),
  })
  const picture = Uint8Array.from({ length: 4 * 6 * 3 }, (_, i) => COLOUR[i % 3]!)
  const embedding = [...(await embedder.run(picture, 1))]
  await embedder.close()
  return { embedding, warnings }
}

const subMul: Start = (g, c) => g.node('Mul', [g.node('Sub', ['image', c(127.5)]), c(0.0078125)])
const divSubDiv: Start = (g, c) => {
  const unit = g.node('Div', ['image', c(255)])
  return g.node('Div', [g.node('Sub', [unit, c(...IMAGENET.mean)]), c(...IMAGENET.std)])
}
const subDivUnit: Start = (g, c) =>
  g.node('Div', [g.node('Sub', ['image', c(...IMAGENET.mean)]), c(...IMAGENET.std)])
const mulAdd: Start = (g, c) => g.node('Add', [g.node('Mul', ['image', c(1 / 127.5)]), c(-1)])
const divide: Start = (g, c) => g.node('Div', ['image', c(255)])
const subtract: Start = (g, c) => g.node('Sub', ['image', c(103.9, 116.8, 123.7)])
const rawNorm = batchNorm([1, 1.2, 0.9], [0.1, 0, -0.1], [130, 110, 100], [4200, 3900, 4000])
const centre: Start = (g, c) => g.node('Sub', [g.node('Mul', ['image', c(2)]), c(1)])
const stretch: Start = (g, c) => g.node('Mul', ['image', c(255)])
const fixedNorm = batchNorm(
  [1, 1, 1],
  [0, 0, 0],
  IMAGENET.mean,
  IMAGENET.std.map((std) => std ** 2),
)
const bareNorm = batchNorm(
  [1 / 128, 1 / 128, 1 / 128],
  [-127.5 / 128, -127.5 / 128, -127.5 / 128],
  [0, 0, 0],
  [1, 1, 1],
)

const usual = (value: number) => (value - 127.5) / 127.5
const imagenet = (value: number, i: number) => (value / 255 - IMAGENET.mean[i]!) / IMAGENET.std[i]!

describe('a model that normalises its pixels itself', () => {
  it.each<[string, Start, string, (value: number, i: number) => number]>([
    ['Sub 127.5, Mul 1/128', subMul, '0–255', (value) => (value - 127.5) / 128],
    ['Div 255, Sub, Div per channel', divSubDiv, '0–255', imagenet],
    ['Mul, Add', mulAdd, '0–255', usual],
    ['Div 255 alone', divide, '0–255', (value) => value / 255],
    ['Sub per channel', subtract, '0–255', (value, i) => value - [103.9, 116.8, 123.7][i]!],
    ['Sub, Div of 0–1', subDivUnit, '0–1', imagenet],
    ['Mul 2, Sub 1', centre, '0–1', usual],
    ['Mul 255', stretch, '0–1', (value) => value],
  ])('is fed what it expects: %s', async (_case, start, range, expected) => {
    for (const layout of ['NCHW', 'NHWC'] as const) {
      const { embedding, warnings } = await open(write(start, { layout }))
      embedding.forEach((value, i) => expect(value).toBeCloseTo(expected(COLOUR[i]!, i), 3))
      expect(warnings).toEqual([expect.stringContaining(`gets them as ${range}`)])
    }
  })

  it.each<[string, Start, string, (value: number, i: number) => number]>([
    [
      'learned on 0–255',
      rawNorm,
      '0–255',
      (value, i) =>
        ((value - [130, 110, 100][i]!) / Math.sqrt([4200, 3900, 4000][i]!)) * [1, 1.2, 0.9][i]! +
        [0.1, 0, -0.1][i]!,
    ],
    ['of the usual numbers', fixedNorm, '0–1', imagenet],
    ['written with weight and bias alone', bareNorm, '0–255', (value) => (value - 127.5) / 128],
  ])('by a batch normalisation %s', async (_case, start, range, expected) => {
    const { embedding, warnings } = await open(write(start))
    embedding.forEach((value, i) => expect(value).toBeCloseTo(expected(COLOUR[i]!, i), 3))
    expect(warnings).toEqual([expect.stringContaining(`gets them as ${range}`)])
  })

  it('keeps the order of the channels that is asked for', async () => {
    const { embedding } = await open(write(subMul), { channels: 'bgr' })
    embedding.forEach((value, i) => expect(value).toBeCloseTo((COLOUR[2 - i]! - 127.5) / 128, 5))
  })

  it('is fed what is asked for, with a warning where that normalises twice', async () => {
    const twice = await open(write(subMul), { mean: 127.5, std: 127.5 })
    twice.embedding.forEach((value, i) => expect(value).toBeCloseTo((usual(COLOUR[i]!) - 127.5) / 128, 5))
    expect(twice.warnings).toEqual([expect.stringMatching(/a second time.*Leave --pixel-mean/)])
    const half = await open(write(subMul), { std: 1 })
    expect(half.warnings).toHaveLength(1)
    const right = await open(write(subMul), { mean: 0, std: 1 })
    expect(right.warnings).toEqual([])
    right.embedding.forEach((value, i) => expect(value).toBeCloseTo((COLOUR[i]! - 127.5) / 128, 5))
  })
})

describe('a model that does not', () => {
  it.each<[string, Start]>([
    ['nothing', () => 'image'],
    ['a cast', (g) => g.node('Cast', ['image'], { to: 1 })],
    [
      'a batch normalisation learned on normalised pixels',
      batchNorm([1.3, 0.8, 1], [0.2, -0.3, 0.1], [0.1, -0.2, -0.3], [0.25, 0.2, 0.3]),
    ],
    ['one with the statistics of none', batchNorm([1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1])],
    [
      'another scale of normalised pixels',
      (g, c) => g.node('Add', [g.node('Mul', ['image', c(0.5)]), c(0.5)]),
    ],
  ])('is fed as usual, without a word: %s', async (_case, start) => {
    const { embedding, warnings } = await open(write(start))
    const asked = await open(write(start), { mean: 127.5, std: 127.5 })
    expect(embedding).toEqual(asked.embedding)
    expect([...warnings, ...asked.warnings]).toEqual([])
  })

  it.each<[string, Start]>([
    ['Mul 1/128 alone', (g, c) => g.node('Mul', ['image', c(1 / 128)])],
    ['a batch normalisation as on 0–1', batchNorm([1, 1, 1], [0, 0, 0], [0.5, 0.4, 0.4], [0.09, 0.07, 0.07])],
  ])('or may, is fed as usual, with a warning: %s', async (_case, start) => {
    const { embedding, warnings } = await open(write(start))
    const asked = await open(write(start), { mean: 127.5, std: 127.5 })
    expect(embedding).toEqual(asked.embedding)
    expect(warnings).toEqual([
      expect.stringMatching(/if it expects 0–255, give --pixel-mean 0 --pixel-std 1/),
    ])
    expect(asked.warnings).toEqual([])
  })

  it('is never fed anything else for a batch normalisation learned on normalised pixels', () => {
    const random = seededRandom(11)
    const between = (low: number, high: number) => low + random() * (high - low)
    for (let round = 0; round < rounds(10_000, 2_000_000); round++) {
      const channels = Array.from({ length: 3 }, () => {
        const [mean, std] = [between(-0.7, 0.7), between(0.2, 0.8)]
        // Weights over three decades and of both signs: dying channels are among them.
        const scale = (10 ** between(-2, 1) * (random() < 0.1 ? -1 : 1)) / std
        return { mean, std, scale, offset: between(-3, 3) - mean * scale }
      })
      const affine = {
        scale: channels.map(({ scale }) => scale),
        offset: channels.map(({ offset }) => offset),
        statistics: {
          mean: channels.map(({ mean }) => mean),
          variance: channels.map(({ std }) => std ** 2),
        },
      }
      const expected = expectedPixels(affine)
      if (expected !== 'normalised') expect(expected, JSON.stringify(affine)).toBe('unclear')
    }
  })
})

describe('a model that facekit converted', () => {
  const metadata = { [PREPROCESSING]: 'uint8 RGB; the graph normalises: mean 127.5, std 127.5' }
  const model = () => write((g) => g.node('Identity', ['image']), { metadata, elementType: 'uint8' })

  it.each<PixelFormat>([{ channels: 'bgr' }, { mean: 127.5 }, { std: 127.5 }])(
    'does not take %o on top of its own',
    async (pixels) => {
      await expect(open(model(), pixels)).rejects.toMatchObject({
        code: 'OPTION',
        message: expect.stringMatching(/model\.onnx.*mean 127\.5.*convert the weights again/),
      })
    },
  )

  it('takes its pixels as they are', async () => {
    expect((await open(model(), { channels: 'rgb' })).embedding).toEqual(COLOUR)
  })
})
