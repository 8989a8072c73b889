import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildModel, GraphBuilder, replaceInput } from '@facekit/onnx'
import { afterAll, describe, expect, it } from 'vitest'
import { openEmbedder } from '../src/index.js'
import { Session } from '../src/session.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-rows-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Written {
  batch?: number | string
  outputs?: (number | string)[]
}

/** Writes a model whose output is what `finish` makes of the means of the channels, N × 3. */
function write(
  finish: (graph: GraphBuilder, means: string) => string,
  { batch = 'N', outputs = ['N', 'D'] }: Written = {},
): string {
  const graph = new GraphBuilder()
  const means = graph.node('ReduceMean', ['image'], { axes: [2, 3], keepdims: 0 })
  graph.node('Identity', [finish(graph, means)], {}, 'vectors')
  const { nodes, initializers } = graph
  const file = join(folder, 'model.onnx')
  const bytes = buildModel({
    name: 'rows',
    inputs: [{ name: 'image', elementType: 'float32', shape: [batch, 3, 4, 6] }],
    outputs: [{ name: 'vectors', elementType: 'float32', shape: outputs }],
    nodes,
    initializers,
  })
  writeFileSync(file, bytes)
  return file
}

/** Embeddings of four pictures, the i-th of the colour (i, 2i, 3i), and what was said. */
async function open(model: string) {
  const warnings: string[] = []
  const embedder = await openEmbedder({
    model,
    pixels: { mean: 0, std: 1 },
    threads: 1,
    onWarning: (line) => void warnings.push(line),
  })
  const pixels = Uint8Array.from({ length: 4 * 72 }, (_, i) => Math.floor(i / 72) * ((i % 3) + 1))
  try {
    return { embeddings: [...(await embedder.run(pixels, 4))], fixedBatch: embedder.fixedBatch, warnings }
  } finally {
    await embedder.close()
  }
}

const COLOURS = [0, 0, 0, 1, 2, 3, 2, 4, 6, 3, 6, 9]

describe('rows that are not images', () => {
  it.each<[string, (graph: GraphBuilder, means: string) => string, Written]>([
    ['dimension × batch', (g, x) => g.node('Transpose', [x], { perm: [1, 0] }), { outputs: [3, 'N'] }],
    [
      'dimension × batch, undeclared',
      (g, x) => g.node('Transpose', [g.node('Concat', [x, x], { axis: 1 })], { perm: [1, 0] }),
      {},
    ],
    [
      'dimension × batch, all numbers alike',
      (g, x) => {
        const large = g.constant('float32', [1], Float32Array.of(1e6))
        return g.node('Transpose', [g.node('Add', [x, large])], { perm: [1, 0] })
      },
      {},
    ],
    [
      'dimension × batch of a batch that is fixed',
      (g, x) => g.node('Transpose', [x], { perm: [1, 0] }),
      { batch: 4, outputs: [3, 4] },
    ],
    [
      'what is left of the mean of the batch',
      (g, x) => g.node('Sub', [x, g.node('ReduceMean', [x], { axes: [0], keepdims: 1 })]),
      {},
    ],
    ['one number for the whole batch', (g, x) => g.node('ReduceMean', [x], { keepdims: 0 }), { outputs: [] }],
  ])('are refused: %s', async (_case, finish, written) => {
    await expect(open(write(finish, written))).rejects.toMatchObject({
      code: 'MODEL_OUTPUT',
      message: expect.stringMatching(/vectors of .*model\.onnx but rows are not images.*batch × dimension/),
    })
  })
})

describe('rows that are', () => {
  it.each<[string, (graph: GraphBuilder, means: string) => string, Written]>([
    ['one after the other in one axis', (g, x) => g.node('Reshape', [x, g.integers(-1)]), { outputs: ['N'] }],
    ['below an axis of size 1', (g, x) => g.node('Unsqueeze', [x, g.integers(0)]), { outputs: [1, 'N', 3] }],
    [
      'with axes of size 1',
      (g, x) => g.node('Unsqueeze', [x, g.integers(2, 3)]),
      { outputs: ['N', 3, 1, 1] },
    ],
    ['said to be one', (_, x) => x, { outputs: [1, 3] }],
    ['as many as numbers', (_, x) => x, { batch: 3, outputs: [3, 3] }],
    ['of a batch of one', (_, x) => x, { batch: 1, outputs: [1, 3] }],
  ])('are taken: %s', async (_case, finish, written) => {
    const { embeddings, warnings } = await open(write(finish, written))
    expect(embeddings).toEqual(COLOURS)
    expect(warnings).toEqual([])
  })

  it('come one by one from a model that fixes its batch inside', async () => {
    const model = write((g, x) => g.node('Reshape', [x, g.integers(1, 3)]), { outputs: [1, 3] })
    const { embeddings, fixedBatch, warnings } = await open(model)
    expect(embeddings).toEqual(COLOURS)
    expect(fixedBatch).toBe(1)
    expect(warnings).toEqual([expect.stringContaining('one image at a time')])
  })

  it('are said to change a little with their batch', async () => {
    const model = write((g, x) => {
      const tenth = g.node('Mul', [
        g.node('ReduceMean', [x], { axes: [0], keepdims: 1 }),
        g.constant('float32', [1], Float32Array.of(0.1)),
      ])
      return g.node('Add', [x, tenth])
    })
    expect((await open(model)).warnings).toEqual([expect.stringMatching(/changes by some \d+ %/)])
  })
})

describe('a session that fills up its batches, as devices have it', () => {
  it.each<[string, (graph: GraphBuilder, means: string) => string, number, number | undefined]>([
    ['of rows', (_, x) => x, 0, undefined],
    ['of dimension × batch', (g, x) => g.node('Transpose', [x], { perm: [1, 0] }), Infinity, undefined],
    ['with its batch fixed inside', (g, x) => g.node('Reshape', [x, g.integers(1, 3)]), 0, 1],
  ])('sees an output %s', async (_case, finish, mixing, fixedBatch) => {
    const pixels = new GraphBuilder('pixels_')
    const planes = pixels.node('Transpose', ['pixels'], { perm: [0, 3, 1, 2] })
    pixels.node('Cast', [planes], { to: 1 }, 'image')
    const model = replaceInput(readFileSync(write(finish)), 'image', {
      inputs: [{ name: 'pixels', elementType: 'uint8', shape: ['N', 4, 6, 3] }],
      nodes: pixels.nodes,
      initializers: [],
    })
    const session = await Session.create(
      {
        model,
        dataFolder: undefined,
        width: 6,
        height: 4,
        fixedBatch: undefined,
        device: { provider: 'cpu', index: 0 },
        padTo: 8,
        threads: 1,
      },
      { notify: () => {}, isStopped: () => false, transfer: () => {} },
    )
    const probe = await session.probe()
    expect(probe).toMatchObject({ outputs: [{ name: 'vectors', dim: 3, mixing }], fixedBatch })
    await session.close()
  })
})
