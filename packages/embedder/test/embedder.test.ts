import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ImageBatch } from '@facekit/core'
import { afterAll, describe, expect, it } from 'vitest'
import { embed, openEmbedder, type Embedder, type EmbedderOptions } from '../src/index.js'
import { channelMeans, falselyFree, severalOutputs, slow, takesVector } from './models.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-embedder-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Picture `i` is filled with the colour (i, 2i, 3i). */
function pictures(count: number, width = 6, height = 4): Uint8Array {
  const pixels = new Uint8Array(count * width * height * 3)
  for (let i = 0; i < pixels.length; i++) {
    const picture = Math.floor(i / (width * height * 3))
    pixels[i] = (picture * ((i % 3) + 1)) % 256
  }
  return pixels
}

async function embeddingsOf(
  options: EmbedderOptions,
  count: number,
  width = 6,
  height = 4,
): Promise<number[][]> {
  const embedder = await openEmbedder({ threads: 1, ...options })
  try {
    const flat = await embedder.run(pictures(count, width, height), count)
    return Array.from({ length: count }, (_, i) => [
      ...flat.subarray(i * embedder.dim, (i + 1) * embedder.dim),
    ])
  } finally {
    await embedder.close()
  }
}

const normalized = (value: number) => (value - 127.5) / 127.5

function expectClose(actual: number[][], expected: number[][], digits = 5): void {
  expect(actual.length).toBe(expected.length)
  actual.forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(expected[i]![j]!, digits)))
}

describe('openEmbedder', () => {
  it.each([
    ['NCHW', 'float32'],
    ['NHWC', 'float32'],
    ['NCHW', 'float16'],
    ['NHWC', 'float16'],
  ] as const)('feeds %s %s with the contract’s normalisation', async (layout, elementType) => {
    const model = channelMeans(folder, { layout, elementType })
    const expected = [0, 1, 2].map((i) => [i, 2 * i, 3 * i].map(normalized))
    expectClose(await embeddingsOf({ model }, 3), expected, elementType === 'float16' ? 2 : 5)
  })

  it('leaves the normalisation to a model that takes uint8', async () => {
    const model = channelMeans(folder, { elementType: 'uint8' })
    expectClose(await embeddingsOf({ model }, 2), [
      [0, 0, 0],
      [1, 2, 3],
    ])
    await expect(openEmbedder({ model, pixels: { mean: 0 } })).rejects.toMatchObject({ code: 'OPTION' })
  })

  it('takes mean and std per channel, in the order of the channels', async () => {
    const model = channelMeans(folder)
    const pixels = { mean: [10, 20, 30], std: [1, 2, 4] }
    expectClose(await embeddingsOf({ model, pixels }, 2), [
      [-10, -10, -7.5],
      [-9, -9, -6.75],
    ])
    expectClose(await embeddingsOf({ model, pixels: { ...pixels, channels: 'bgr' } }, 2), [
      [-10, -10, -7.5],
      [-7, -9, -7.25],
    ])
  })

  it('reads the size of its pictures from the model', async () => {
    const embedder = await openEmbedder({ model: channelMeans(folder, { height: 112, width: 96 }) })
    expect(embedder).toMatchObject({
      height: 112,
      width: 96,
      freeSize: false,
      dim: 3,
      fixedBatch: undefined,
    })
    await embedder.close()
  })

  it.each([
    [undefined, { width: 112, height: 112 }],
    [
      { width: 6, height: 4 },
      { width: 6, height: 4 },
    ],
  ])('feeds a model of free size the size asked for: %o', async (size, taken) => {
    for (const layout of ['NCHW', 'NHWC'] as const) {
      const model = channelMeans(folder, { layout, height: 'H', width: 'W' })
      const embedder = await openEmbedder({ model, size, threads: 1 })
      expect(embedder).toMatchObject({ ...taken, freeSize: true })
      await embedder.close()
    }
  })

  it('refuses a size that the model does not take', async () => {
    const model = channelMeans(folder, { height: 112, width: 'W' })
    const size = { width: 96, height: 96 }
    await expect(openEmbedder({ model, size })).rejects.toMatchObject({
      code: 'OPTION',
      message: expect.stringMatching(/96×112 pixels for .*takes no others.*96×96/),
    })
    const embedder = await openEmbedder({ model, size: { width: 96, height: 112 }, threads: 1 })
    expect(embedder).toMatchObject({ width: 96, height: 112 })
    await embedder.close()
    await expect(openEmbedder({ model, size: { width: 0, height: 112 } })).rejects.toMatchObject({
      code: 'OPTION',
    })
  })

  it('says that there is --size where a model of free size does not run at the usual one', async () => {
    const model = falselyFree(folder)
    await expect(openEmbedder({ model, threads: 1 })).rejects.toMatchObject({
      code: 'MODEL_FILE',
      message: expect.stringMatching(/falsely-free.*112×112 pixels: --size/s),
    })
    const embedder = await openEmbedder({ model, threads: 1, size: { width: 6, height: 4 } })
    expect(embedder.dim).toBe(2)
    await embedder.close()
  })

  it.each([0, -1])('takes a size of %i for one that is free', async (free) => {
    const pixels = { mean: 0, std: 1 }
    const model = channelMeans(folder, { batch: free, height: free, width: free })
    const embedder = await openEmbedder({ model, pixels, threads: 1 })
    expect(embedder).toMatchObject({ width: 112, height: 112, fixedBatch: undefined })
    await embedder.close()
    const size = { width: 6, height: 4 }
    expect(await embeddingsOf({ model, pixels, size }, 3)).toEqual([
      [0, 0, 0],
      [1, 2, 3],
      [2, 4, 6],
    ])
  })

  it.each([
    ['a batch', { batch: 2 ** 31 }],
    ['a height', { height: 10 ** 6, width: 1000 }],
    ['both', { batch: 2 ** 20, height: 2 ** 20, width: 2 ** 20 }],
  ])('refuses a model whose input no memory would hold: %s', async (_case, shape) => {
    const model = channelMeans(folder, shape)
    await expect(openEmbedder({ model })).rejects.toMatchObject({
      code: 'MODEL_INPUT',
      message: expect.stringContaining(model),
    })
  })

  it('fills up the last run of a model with a fixed batch', async () => {
    const model = channelMeans(folder, { batch: 4 })
    const free = channelMeans(folder)
    const pixels = { mean: 0, std: 1 }
    for (const count of [1, 4, 11]) {
      expectClose(
        await embeddingsOf({ model, pixels }, count),
        await embeddingsOf({ model: free, pixels }, count),
      )
    }
  })

  it('L2-normalises on request and keeps a zero row zero', async () => {
    const pixels = { mean: 0, std: 1 }
    const rows = await embeddingsOf({ model: channelMeans(folder), pixels, normalize: true }, 3)
    const length = Math.sqrt(14)
    expectClose(rows, [[0, 0, 0], [1, 2, 3].map((x) => x / length), [1, 2, 3].map((x) => x / length)])
  })

  it('chooses among several outputs by dimension or name, or lists them', async () => {
    const model = severalOutputs(folder)
    for (const [wish, dim] of [
      [{ embDim: 3 }, 3],
      [{ embDim: 6 }, 6],
      [{ outputName: 'both' }, 6],
      [{ outputName: 'map' }, 72],
    ] as const) {
      const embedder = await openEmbedder({ model, ...wish })
      expect(embedder.dim).toBe(dim)
      await embedder.close()
    }
    for (const wish of [{}, { embDim: 512 }, { outputName: 'nothing' }, { outputName: 'means', embDim: 6 }]) {
      await expect(openEmbedder({ model, ...wish })).rejects.toMatchObject({
        code: 'MODEL_OUTPUT',
        message: expect.stringMatching(/means.*dimension 3.*both.*dimension 6/),
      })
    }
  })

  it.each(['float16', 'float64'] as const)('gives float32 of a model that gives %s', async (outputType) => {
    const model = channelMeans(folder, { outputType, batch: 2 })
    const rows = await embeddingsOf({ model, pixels: { mean: 0, std: 1 } }, 101)
    // Integers that float16 holds exactly.
    expect(rows[100]).toEqual([100, 200, 300 % 256])
    const [halves] = await embeddingsOf({ model, pixels: { mean: 1, std: -2 } }, 1)
    expect(halves).toEqual([0.5, 0.5, 0.5])
  })

  it('refuses a model without an image input and says what it takes', async () => {
    const model = takesVector(folder)
    await expect(openEmbedder({ model })).rejects.toMatchObject({
      code: 'MODEL_INPUT',
      message: expect.stringContaining('features (float32 N×10)'),
    })
  })

  it.each([
    ['a missing file', 'missing.onnx', undefined, 'MODEL_FILE'],
    ['an empty file', 'empty.onnx', Buffer.alloc(0), 'ONNX_INVALID'],
    ['text', 'text.onnx', Buffer.from('this is no model at all'), 'ONNX_INVALID'],
    ['a zip file', 'weights.onnx', Buffer.from('PK\u0003\u0004 and so on'), 'ONNX_INVALID'],
  ])('refuses %s, naming it', async (_case, name, content, code) => {
    const model = join(folder, name)
    if (content) writeFileSync(model, content)
    await expect(openEmbedder({ model })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(model),
    })
  })

  it('refuses a truncated model at any length', async () => {
    const whole = readFileSync(channelMeans(folder))
    const model = join(folder, 'truncated.onnx')
    for (let length = 1; length < whole.length; length += 7) {
      writeFileSync(model, whole.subarray(0, length))
      await expect(openEmbedder({ model })).rejects.toMatchObject({ message: expect.stringContaining(model) })
    }
  })
})

describe('embed', () => {
  const batchOf = (start: number, count: number): ImageBatch => ({
    indices: Uint32Array.from({ length: count }, (_, i) => start + i),
    paths: Array.from({ length: count }, (_, i) => `${start + i}.jpg`),
    pixels: pictures(count),
    width: 6,
    height: 4,
    failed: [],
  })

  it('keeps order, indices and paths, also of empty and partial batches', async () => {
    const embedder = await openEmbedder({ model: channelMeans(folder), threads: 1 })
    const source = Readable.from([batchOf(0, 8), batchOf(8, 0), batchOf(8, 8), batchOf(16, 3)])
    const batches = await source.pipe(embed(embedder)).toArray()
    await embedder.close()
    expect(batches.map((batch) => batch.paths.length)).toEqual([8, 0, 8, 3])
    expect(batches.map((batch) => batch.embeddings.length)).toEqual([24, 0, 24, 9])
    expect(batches.flatMap((batch) => [...batch.indices])).toEqual(Array.from({ length: 19 }, (_, i) => i))
    expect(batches[3]).toMatchObject({ dim: 3, normalized: false, paths: ['16.jpg', '17.jpg', '18.jpg'] })
  })

  it('keeps order over several sessions, whichever is done first', async () => {
    const embedder = await openEmbedder({
      model: channelMeans(folder),
      threads: 3,
      pixels: { mean: 0, std: 1 },
    })
    expect(embedder.sessions).toBe(3)
    // Large and small in turn: a small batch overtakes the large one before it.
    const sizes = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 400 : 1))
    const batches = await Readable.from(
      sizes.map((count, i) => ({ ...batchOf(i, count), pixels: pictures(count).fill(i) })),
    )
      .pipe(embed(embedder))
      .toArray()
    await embedder.close()
    expect(batches.map(({ embeddings }) => embeddings[0])).toEqual(sizes.map((_, i) => i))
  })

  it('fails, and does not hang, when the session is gone', async () => {
    const embedder = await openEmbedder({ model: channelMeans(folder), threads: 1 })
    await embedder.close()
    await expect(embedder.run(pictures(1), 1)).rejects.toMatchObject({ code: 'MODEL_RUN' })
  })

  it('is closed in the middle of a forward pass: what was asked for fails, and the process lives', () => {
    const main = new URL('../dist/index.js', import.meta.url).href
    const script = `
      const { openEmbedder } = await import(${JSON.stringify(main)})
      const embedder = await openEmbedder({ model: process.argv[1], threads: 1 })
      const pixels = () => new Uint8Array(112 * 112 * 3)
      const runs = Array.from({ length: 100 }, () => embedder.run(pixels(), 1))
      runs.forEach((run, i) => run.catch((error) => console.log(i, error.code)))
      await new Promise((resolve) => setTimeout(resolve, 200))
      await embedder.close()
      console.log('closed')`
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, slow(folder)], {
      encoding: 'utf8',
      // A small part of what all 100 would take.
      timeout: 30_000,
    })
    expect(child.stderr).toBe('')
    expect(child.status).toBe(0)
    const lines = child.stdout.trim().split('\n')
    expect(lines.at(-1)).toBe('closed')
    // A fast processor is done with the first by then.
    const failed = lines.slice(0, -1)
    expect(failed).toEqual(Array.from(failed, (_, i) => `${100 - failed.length + i} MODEL_RUN`))
    expect(failed.length).toBeGreaterThan(50)
  }, 60_000)

  it('does not block the thread that calls it', async () => {
    const embedder = await openEmbedder({
      model: channelMeans(folder, { height: 512, width: 512 }),
      threads: 1,
    })
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await embedder.run(new Uint8Array(16 * 512 * 512 * 3), 16)
    clearInterval(timer)
    await embedder.close()
    expect(ticks).toBeGreaterThan(1)
  })
})

it('an image whose embedding holds NaN or infinity has no row: it is listed as failed, in order', async () => {
  const embeddings = Float32Array.of(1, 2, NaN, 1, 3, 4, 0, -Infinity)
  const embedder = {
    sessions: 1,
    dim: 2,
    normalized: false,
    run: async () => embeddings,
  } as unknown as Embedder
  const source = Readable.from([
    {
      indices: Uint32Array.of(5, 7, 8, 9),
      paths: ['a', 'b', 'c', 'd'],
      pixels: new Uint8Array(4),
      width: 1,
      height: 1,
      failed: [{ index: 6, path: 'x', reason: 'cut off' }],
    },
  ])
  const [batch] = await source.pipe(embed(embedder)).toArray()
  expect(batch).toEqual({
    indices: Uint32Array.of(5, 8),
    paths: ['a', 'c'],
    embeddings: Float32Array.of(1, 2, 3, 4),
    dim: 2,
    normalized: false,
    failed: [
      { index: 6, path: 'x', reason: 'cut off' },
      { index: 7, path: 'b', reason: 'its embedding holds NaN or infinity' },
      { index: 9, path: 'd', reason: 'its embedding holds NaN or infinity' },
    ],
  })
})
