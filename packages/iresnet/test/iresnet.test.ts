import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openNpy } from '@facekit/io-npy'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { readModel } from '@facekit/onnx'
import { randomWeights, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  buildIresnet,
  calibrationModel,
  foldNorms,
  loadIresnet,
  magnitudeModel,
  openStateDict,
  type BuildIresnetOptions,
  type IresnetError,
  type LoadIresnetOptions,
  type Network,
} from '../src/index.js'
import { quantizedOperators } from '../src/int8.js'
import { FloatGraph } from '../src/operators.js'
import { writeBlocks } from '../src/write-network.js'
import { relativeError } from './torch-truth.js'

const PICTURES = 3

/** Smooth pictures with some noise, n × height × width × 3 uint8. */
function pictures(height: number, width: number): Uint8Array {
  const random = seededRandom(4)
  return Uint8Array.from(
    { length: PICTURES * height * width * 3 },
    (_, at) => 128 + 90 * Math.sin(at / 977 + (at % 3)) + 30 * random(),
  )
}

async function run(
  model: Uint8Array,
  network: Network,
  pixels = pictures(network.height, network.width),
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 })
  const { height, width } = network
  const results = await session.run({ pixels: new Tensor('uint8', pixels, [PICTURES, height, width, 3]) })
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]))
}

type Weights = Parameters<typeof randomWeights>[0]

/** Loads random weights for pictures of the size that they were made for. */
async function loadRandom(weights: Weights, options: LoadIresnetOptions = {}): Promise<Network> {
  const [height, width] = weights.picture ?? [112, 112]
  return loadIresnet(randomWeights(weights), { ...options, size: { width, height } })
}

async function embeddingsOf(network: Network, options: BuildIresnetOptions = {}): Promise<Float32Array> {
  return (await run(buildIresnet(network, options), network))['embedding']!
}

function cosines(a: Float32Array, b: Float32Array): number[] {
  const dim = a.length / PICTURES
  return Array.from({ length: PICTURES }, (_, row) => {
    const [x, y] = [a, b].map((all) => all.subarray(row * dim, (row + 1) * dim))
    const product = x!.reduce((sum, value, i) => sum + value * y![i]!, 0)
    return product / (Math.hypot(...x!) * Math.hypot(...y!))
  })
}

const SHAPES = {
  revised: { dialect: 'revised' },
  arcface: { dialect: 'arcface', seed: 2 },
  'pruned inner widths': { inner: (stage: number, block: number) => 3 + 5 * stage + block },
  'one slope for all': { depths: [1, 1], widths: [6, 8, 10], picture: [32, 32] },
  'odd maps': { picture: [97, 113], dialect: 'revised' },
  'arcface with se_block': { dialect: 'arcface', se: true },
  ir: { dialect: 'ir' },
  'ir-se': { dialect: 'ir', se: true, picture: [97, 113] },
  adaface: { dialect: 'adaface', picture: [97, 113] },
  'adaface, all channels alike': { dialect: 'adaface', depths: [2, 2, 2, 2], widths: [8, 8, 8, 8, 8] },
  'adaface with se_block': { dialect: 'adaface', se: true },
  'another size, depth and dim': { depths: [2, 1, 3], widths: [4, 8, 12, 20], dim: 10, picture: [112, 96] },
} as const

describe('loadIresnet', () => {
  it.each([
    [{ dialect: 'revised', depths: [1, 2, 2, 1] }, [1, 2, 2, 1], 64],
    [{ dialect: 'arcface', depths: [3, 1], widths: [4, 6, 8], dim: 20 }, [3, 1], 20],
  ] as const)('reads depth and dim off the tensors of %j', async (shape, depths, dim) => {
    const network = await loadIresnet(
      randomWeights({
        ...shape,
        depths: [...shape.depths],
        widths: 'widths' in shape ? [...shape.widths] : undefined,
      }),
    )
    expect(network).toMatchObject({ dialect: shape.dialect, depths, dim, height: 112, width: 112 })
  })

  it('takes the size that it is told, where it gives the map that the linear layer takes', async () => {
    const sizeOf = async (picture: [number, number], size?: { width: number; height: number }) => {
      const { width, height } = await loadIresnet(randomWeights({ picture }), { size })
      return [width, height]
    }
    expect(await sizeOf([112, 112])).toEqual([112, 112])
    expect(await sizeOf([112, 112], { width: 100, height: 108 })).toEqual([100, 108])
    expect(await sizeOf([112, 96], { width: 96, height: 112 })).toEqual([96, 112])
    expect(await sizeOf([112, 96], { width: 112, height: 96 })).toEqual([112, 96])
    expect(await sizeOf([128, 128], { width: 113, height: 120 })).toEqual([113, 120])
  })

  it.each([
    [
      [128, 128],
      undefined,
      /IRESNET_SIZE.*map of 8×8, but .*112×112.*7×7; 113…128 a side fit, usually 120 or 128$/,
    ],
    [[112, 96], undefined, /IRESNET_SIZE.*map of 6×7.*; 81…96 across and 97…112 down fit, usually 96x112$/],
    [[16, 208], undefined, /IRESNET_SIZE.*map of 13 cells/],
    [
      [112, 112],
      [113, 112],
      /OPTION.*113×112 pixels give one of 8×7, .*7×7; 97…112 a side fit, usually 100 or 108 or 112$/,
    ],
    [[112, 96], [112, 112], /OPTION.*7×7/],
    [[112, 112], [0, 112], /OPTION.*positive integer for width but received 0/],
  ] as const)('guesses no size: %j with %j', async (picture, size, message) => {
    const options = size ? { size: { width: size[0], height: size[1] } } : {}
    const failure = await loadIresnet(randomWeights({ picture: [...picture] }), options).catch(
      (e: unknown) => e,
    )
    const { code, message: said } = failure as IresnetError
    expect(`${code} ${said}`).toMatch(message)
  })

  it.each([0, -1e-5, 0.02, NaN])('takes no epsilon of %s', async (epsilon) => {
    await expect(loadIresnet(randomWeights({}), { epsilon })).rejects.toThrow(`received ${epsilon}`)
  })

  it.each([
    [
      'body.1.0.conv2.weight',
      NaN,
      /finite numbers in body\.1\.0\.conv2\.weight of random\.pth but number 2 .* NaN/,
    ],
    ['head.3.bias', -Infinity, /finite numbers in head\.3\.bias .*-Infinity/],
    ['stem.2.weight', Infinity, /stem\.2\.weight/],
    ['head.4.running_var', -1e-5, /numbers from 0 in head\.4\.running_var .*number 2 .*-0\.0000/],
    ['body.0.0.bn1.running_var', NaN, /finite numbers in body\.0\.0\.bn1\.running_var/],
  ])('refuses a number that cannot be: %s with %s', async (name, value, message) => {
    const weights = randomWeights({})
    const tensor = weights.tensors.get(name)!
    const values = (await tensor.read()).fill(value, 2, 3)
    weights.tensors.set(name, { ...tensor, read: async () => values })
    const failure = loadIresnet(weights)
    await expect(failure).rejects.toMatchObject({ code: 'IRESNET_TENSORS' })
    await expect(failure).rejects.toThrow(message)
  })

  it('stops at the next tensor when it is told to', async () => {
    const weights = randomWeights({})
    const controller = new AbortController()
    const read: string[] = []
    for (const [name, tensor] of weights.tensors) {
      const watched = async () => {
        read.push(name)
        if (read.length === 5) controller.abort(new Error('enough'))
        return tensor.read()
      }
      weights.tensors.set(name, { ...tensor, read: watched })
    }
    await expect(loadIresnet(weights, { signal: controller.signal })).rejects.toThrow('enough')
    expect(read.length).toBe(5)
  })

  it('takes one slope for all channels', async () => {
    const weights = randomWeights({})
    weights.tensors.set('stem.2.weight', {
      dtype: 'float32',
      shape: [1],
      read: async () => Float32Array.of(0.25),
    })
    const { stem } = await loadIresnet(weights)
    expect(stem[2]).toMatchObject({ prelu: { slopes: new Float32Array(8).fill(0.25) } })
  })

  it.each([
    ['a tensor is missing', 'body.1.0.bn2.running_var', undefined, /body\.1\.0\.bn2\.running_var .*missing/],
    ['one is surplus', 'body.1.0.conv3.weight', [3, 3], /body\.1\.0\.conv3\.weight \(3×3\) has no place/],
    [
      'one has the wrong shape',
      'body.2.1.conv2.weight',
      [24, 23, 3, 3],
      /conv2\.weight .*24×24×3×3 but got 24×23×3×3/,
    ],
    ['one has no axes', 'stem.0.weight', [], /4 axes.*single number/],
    ['the linear layer fits no map', 'head.3.weight', [64, 33], /32 channels .*64×33/],
  ])('says so where %s', async (_case, name, shape, message) => {
    const weights = randomWeights({})
    if (shape) weights.tensors.set(name, { dtype: 'float32', shape, read: async () => new Float32Array(0) })
    else weights.tensors.delete(name)
    const failure = loadIresnet(weights)
    await expect(failure).rejects.toMatchObject({ code: 'IRESNET_TENSORS' })
    await expect(failure).rejects.toThrow(message)
  })

  it.each([
    ['body.1.res_layer.4.running_var', undefined, /body\.1\.res_layer\.4\.running_var .*missing/],
    ['body.3.res_layer.5.fc2.weight', undefined, /body\.3\.res_layer\.5\.fc2\.weight .*missing/],
    ['body.0.res_layer.0.weight', undefined, /body\.0\.res_layer\.0\.weight .*missing/],
    ['body.2.res_layer.0.weight', undefined, /body\.2\.res_layer\.0\.weight .*missing/],
    ['body.9.res_layer.0.weight', [32], /body\.6\.res_layer\.0\.weight .*missing/],
    ['body.1e3.res_layer.0.weight', [32], /body\.1e3\.res_layer\.0\.weight .*no place/],
    ['body.3.shortcut_layer.0.weight', undefined, /body\.3\.shortcut_layer\.0\.weight .*missing/],
    ['body.2.shortcut_layer.0.weight', [16, 16, 1, 1], /body\.2\.shortcut_layer\.0\.weight .*no place/],
    ['body.1.res_layer.3.weight', [16, 16, 1, 1], /16×16×3×3 but got 16×16×1×1/],
    ['body.1.res_layer.6.weight', [16], /body\.1\.res_layer\.6\.weight \(16\) has no place/],
    ['output_layer.4.running_mean', undefined, /output_layer\.4\.running_mean .*missing/],
  ])('says so where an IR network is not one: %s of %j', async (name, shape, message) => {
    const weights = randomWeights({ dialect: 'ir', se: true })
    if (shape) weights.tensors.set(name, { dtype: 'float32', shape, read: async () => new Float32Array(0) })
    else weights.tensors.delete(name)
    const failure = loadIresnet(weights)
    await expect(failure).rejects.toMatchObject({ code: 'IRESNET_TENSORS' })
    await expect(failure).rejects.toThrow(message)
  })

  it('says so where the stages of an IR network cannot be told', async () => {
    const failure = loadIresnet(randomWeights({ dialect: 'ir', depths: [1, 2], widths: [8, 8, 16] }))
    await expect(failure).rejects.toMatchObject({ code: 'IRESNET_TENSORS' })
    await expect(failure).rejects.toThrow(
      /4 stages in random\.pth .* the channels change in 1 of its 3 blocks/,
    )
  })

  it('says what another network has instead', async () => {
    const tensors = new Map([
      ['features.0.weight', { dtype: 'float32', shape: [1], read: async () => new Float32Array(1) } as const],
    ])
    const other = { source: 'vgg.pth', tensors, close: async () => {} }
    await expect(loadIresnet(other)).rejects.toThrow(
      /vgg\.pth.*stem\.0\.weight or conv1\.weight or input_layer\.0\.weight.*features\.0\.weight/,
    )
  })
})

describe('buildIresnet', () => {
  it.each(Object.entries(SHAPES))(
    'folded gives what PyTorch’s own operations give: %s',
    async (_name, shape) => {
      const network = await loadRandom(shape as Weights)
      const plain = await embeddingsOf(network, { fold: false })
      expect(plain.length).toBe(PICTURES * network.dim)
      expect(relativeError(await embeddingsOf(network), plain)).toBeLessThan(3e-6)
      expect(relativeError(await embeddingsOf(network, { precision: 'fp16' }), plain)).toBeLessThan(5e-3)
    },
  )

  it('keeps norms that would cost precision if they were folded', async () => {
    const weights = randomWeights({})
    const norm = 'body.1.1.bn1'
    weights.tensors.set(`${norm}.weight`, {
      dtype: 'float32',
      shape: [16],
      read: async () => new Float32Array(16).fill(1).fill(0, 0, 2).fill(1e-6, 2, 4),
    })
    const network = await loadIresnet(weights)
    const kept = foldNorms(network, 32).blocks.map(({ residual }) => 'norm' in residual[0]!)
    expect(kept).toEqual([false, false, true, false, false, false])
    const plain = await embeddingsOf(network, { fold: false })
    expect(relativeError(await embeddingsOf(network), plain)).toBeLessThan(3e-6)
  })

  it('folds all norms of the blocks, but for those beside a squeeze-and-excitation', async () => {
    const normsOf = async (weights: Weights) =>
      foldNorms(await loadIresnet(randomWeights(weights)), 32).blocks.map(({ residual, shortcut }) =>
        [...residual, ...shortcut].flatMap((layer) => ('norm' in layer ? [layer.norm.name] : [])),
      )
    for (const dialect of ['revised', 'arcface', 'ir', 'adaface'] as const)
      expect((await normsOf({ dialect })).flat(), dialect).toEqual([])
    expect(await normsOf({ dialect: 'ir', se: true, depths: [1, 1, 1, 1] })).toEqual([
      ['body.0.res_layer.0'],
      ['body.1.res_layer.0'],
      ['body.2.res_layer.0'],
      ['body.3.res_layer.0'],
    ])
  })

  it('is exact for slopes above 1', async () => {
    const weights = randomWeights({})
    for (const name of ['stem.2.weight', 'body.1.0.act1.weight']) {
      const { shape } = weights.tensors.get(name)!
      const slopes = Float32Array.from({ length: shape[0]! }, (_, i) => i / 4 - 0.5)
      weights.tensors.set(name, { dtype: 'float32', shape, read: async () => slopes })
    }
    const network = await loadIresnet(weights)
    const plain = await embeddingsOf(network, { fold: false })
    expect(relativeError(await embeddingsOf(network), plain)).toBeLessThan(3e-6)
    expect(relativeError(await embeddingsOf(network, { precision: 'fp16' }), plain)).toBeLessThan(5e-3)
  })

  it('takes a network that was trained on BGR, with a mean of its own', async () => {
    const rgb = await loadIresnet(randomWeights({}), { mean: [10, 20, 30], std: [50, 60, 70] })
    const bgr = await loadIresnet(randomWeights({}), {
      mean: [10, 20, 30],
      std: [50, 60, 70],
      channels: 'bgr',
    })
    const pixels = pictures(112, 112)
    const swapped = pixels.map((_, at) => pixels[at + 2 - 2 * (at % 3)]!)
    const expected = (await run(buildIresnet(rgb), rgb, pixels))['embedding']!
    const got = (await run(buildIresnet(bgr), bgr, swapped))['embedding']!
    expect(relativeError(got, expected)).toBeLessThan(1e-6)
    expect(relativeError(got, (await run(buildIresnet(bgr), bgr, pixels))['embedding']!)).toBeGreaterThan(
      0.01,
    )
  })

  it('gives features, and both in the contract’s order with only the embedding normalised', async () => {
    const network = await loadIresnet(randomWeights({}))
    const options = { outputs: ['embedding', 'features', 'features_embedding'], normalize: true } as const
    const {
      embedding,
      features,
      features_embedding: both,
    } = await run(buildIresnet(network, options), network)
    const plain = await embeddingsOf(network)
    expect(features!.length).toBe(PICTURES * 32 * 7 * 7)
    for (let row = 0; row < PICTURES; row++) {
      const own = embedding!.subarray(row * 64, (row + 1) * 64)
      const size = Math.hypot(...plain.subarray(row * 64, (row + 1) * 64))
      own.forEach((value, i) => expect(value).toBeCloseTo(plain[row * 64 + i]! / size, 6))
      expect([...both!.subarray(row * 1632, row * 1632 + 1568)]).toEqual([
        ...features!.subarray(row * 1568, (row + 1) * 1568),
      ])
      expect([...both!.subarray(row * 1632 + 1568, (row + 1) * 1632)]).toEqual([...own])
    }
  })

  it('computes only what is asked for', async () => {
    const network = await loadIresnet(randomWeights({}))
    const names = (outputs: BuildIresnetOptions['outputs']) =>
      readModel(buildIresnet(network, { outputs })).outputs.map(({ name, shape }) => [name, ...shape])
    expect(names(['embedding'])).toEqual([['embedding', 'N', 64]])
    expect(names(['features'])).toEqual([['features', 'N', 1568]])
    const embeddingOnly = buildIresnet(network, { outputs: ['embedding'] })
    expect(Buffer.from(embeddingOnly).includes('BatchNormalization')).toBe(false)
  })

  it('tells in its metadata what it was made of', async () => {
    const network = await loadIresnet(randomWeights({}))
    const { metadata } = readModel(
      buildIresnet(network, { normalize: true, metadata: { 'facekit.source_sha256': 'ab' } }),
    )
    expect(metadata).toMatchObject({
      'facekit.dialect': 'revised',
      'facekit.depths': '1,2,2,1',
      'facekit.widths': '8,8,16,24,32',
      'facekit.precision': 'fp32',
      'facekit.normalized': 'true',
      'facekit.source_sha256': 'ab',
    })
  })
})

const FIXTURES = fileURLToPath(new URL('../../../../shared/fixtures/weights/', import.meta.url))

describe.skipIf(!existsSync(FIXTURES))('PyTorch’s own results', () => {
  it.each(['revised', 'arcface'])('are met: %s', async (dialect) => {
    const read = async (name: string) => {
      const file = await openNpy(join(FIXTURES, name))
      const numbers = await file.readFloat32()
      await file.close()
      return numbers
    }
    const stateDict = await openStateDict(join(FIXTURES, `${dialect}-tiny.pth`))
    const network = await loadIresnet(stateDict)
    await stateDict.close()
    const pixels = Uint8Array.from(await read('pixels.npy'))
    const session = await InferenceSession.create(
      buildIresnet(network, { outputs: ['embedding', 'features'] }),
    )
    const { height, width } = network
    const input = new Tensor('uint8', pixels, [pixels.length / (height * width * 3), height, width, 3])
    const { embedding, features } = await session.run({ pixels: input })
    const final = await read(`${dialect}-tiny.final.npy`)
    const mid = await read(`${dialect}-tiny.mid.npy`)
    expect(relativeError(embedding!.data as Float32Array, final)).toBeLessThan(1e-5)
    expect(relativeError(features!.data as Float32Array, mid)).toBeLessThan(1e-5)
  })
})

describe('ranges', () => {
  /** Weights of which one tensor holds this number twice. */
  const weightsWith = async (name: string, value: number) => {
    const weights = randomWeights({})
    const tensor = weights.tensors.get(name)!
    const values = (await tensor.read()).fill(value, 1, 3)
    weights.tensors.set(name, { ...tensor, read: async () => values })
    return loadIresnet(weights)
  }

  it.each([
    [
      'body.1.0.conv2.weight',
      1e6,
      'fp16',
      /float16, up to 65504, in body\.1\.0\.conv2 .* but got .*fix: fp32/,
    ],
    ['head.3.bias', 1e6, 'fp16', /in head\.3 /],
    ['stem.2.weight', -1e5, 'fp16', /in stem\.2 /],
    ['head.0.bias', 7e4, 'fp16', /in head\.0 /],
    // The norm after it has a variance near 1, the one here none.
    ['body.0.0.conv2.weight', 3e38, 'fp32', /float32, up to 3\.4.*in body\.0\.0\.conv2 /],
  ] as const)(
    'that the precision does not reach are refused: %s with %f in %s',
    async (name, value, precision, message) => {
      const network = await weightsWith(name, value)
      const norm3 = network.blocks[0]!.residual[5]!
      if ('norm' in norm3) norm3.norm.variance.fill(0)
      const build = () => buildIresnet(network, { precision, outputs: ['embedding', 'features'] })
      expect(build).toThrow(
        expect.objectContaining({ code: 'IRESNET_RANGE', message: expect.stringMatching(message) }),
      )
    },
  )

  it('of all that float16 would hold are measured', async () => {
    const network = await loadIresnet(randomWeights({}))
    const outputs = ['features', 'embedding'] as const
    const { magnitudes } = await run(magnitudeModel(network, outputs), network)
    const results = await run(buildIresnet(network, { outputs }), network)
    const perRow = magnitudes!.length / PICTURES
    for (let row = 0; row < PICTURES; row++) {
      const measured = [...magnitudes!.subarray(row * perRow, (row + 1) * perRow)]
      for (const name of outputs) {
        const all = results[name]!
        const of = all.subarray((row * all.length) / PICTURES, ((row + 1) * all.length) / PICTURES)
        const largest = Math.max(...of.map(Math.abs))
        expect(measured.some((value) => Math.abs(value / largest - 1) < 1e-4)).toBe(true)
      }
    }
  })

  it('of activations that are not finite are refused', async () => {
    const { model, rangesOf } = calibrationModel(await loadIresnet(randomWeights({})))
    const numbers = readModel(model).outputs[0]!.shape[1] as number
    for (const wrong of [NaN, Infinity]) {
      const row = new Float32Array(numbers).fill(1).fill(wrong, 5, 6)
      expect(() => rangesOf(row)).toThrow(expect.objectContaining({ code: 'IRESNET_RANGE' }))
    }
  })
})

describe('int8', () => {
  it('keeps the bias of a channel whose weights are next to nothing', async () => {
    const weights = randomWeights({})
    for (const { name, value } of [
      { name: 'body.1.1.conv2.weight', value: 1e-12 },
      { name: 'body.1.1.bn3.bias', value: 3 },
    ]) {
      const tensor = weights.tensors.get(name)!
      const values = (await tensor.read()).fill(value)
      weights.tensors.set(name, { ...tensor, read: async () => values })
    }
    const network = await loadIresnet(weights)
    const { model, rangesOf } = calibrationModel(network)
    const { ranges } = await run(model, network)
    const int8 = await embeddingsOf(network, { precision: 'int8', ranges: rangesOf(ranges!) })
    for (const cosine of cosines(int8, await embeddingsOf(network))) expect(cosine).toBeGreaterThan(0.99)
  })

  it('agrees with fp32 after calibration', async () => {
    for (const shape of [
      { dialect: 'revised' },
      { dialect: 'arcface' },
      { dialect: 'ir', se: true },
      { dialect: 'adaface' },
    ] as const) {
      const network = await loadIresnet(randomWeights(shape))
      const { model, rangesOf } = calibrationModel(network)
      const { ranges: rows } = await run(model, network)
      const int8 = await embeddingsOf(network, { precision: 'int8', ranges: rangesOf(rows!) })
      for (const cosine of cosines(int8, await embeddingsOf(network))) expect(cosine).toBeGreaterThan(0.995)
    }
  })

  it('has weights that no kernel overflows with, and as fine ones as that allows', async () => {
    const network = await loadIresnet(randomWeights({}))
    const { model, rangesOf } = calibrationModel(network)
    const { ranges } = await run(model, network)
    const graph = new FloatGraph()
    writeBlocks(graph, foldNorms(network, 0), quantizedOperators(graph, rangesOf(ranges!)))
    const kernels = graph.initializers.filter(
      ({ elementType, shape }) => elementType === 'int8' && shape.length === 4,
    )
    // Every convolution but the stem: two a block, and the shortcuts of the four blocks that change the shape.
    expect(kernels.length).toBe(6 * 2 + 4)
    for (const { data, shape } of kernels) {
      const weights = data as Int8Array
      const perOutput = weights.length / shape[0]!
      for (let at = 0; at < weights.length; at += perOutput) {
        const largest = Math.max(...weights.subarray(at, at + perOutput).map(Math.abs))
        // Kernels of CPUs without VNNI add two products with uint8 activations in int16.
        expect(2 * 255 * largest).toBeLessThan(2 ** 15)
        expect(largest).toBe(64)
      }
    }
  })

  it('does not depend on the last bits of what calibration measured', async () => {
    const { model, rangesOf } = calibrationModel(await loadIresnet(randomWeights({})))
    const numbers = readModel(model).outputs[0]!.shape[1] as number
    const random = seededRandom(3)
    const row = Float32Array.from({ length: numbers }, (_, at) => (at % 2 === 0 ? -20 : 20) * random())
    const ranges = rangesOf(row)
    expect(rangesOf(row.map((value) => value * (1 + 1e-6)))).toEqual(ranges)
    ;[...ranges.values()].forEach(({ input, output }, layer) => {
      const rounded = [input.min, input.max, output.min, output.max]
      rounded.forEach((value, i) => {
        const ratio = value / row[4 * layer + i]!
        expect(ratio).toBeGreaterThanOrEqual(1)
        expect(ratio).toBeLessThan(1.011)
      })
    })
  })

  it('needs calibration', async () => {
    const network = await loadIresnet(randomWeights({}))
    expect(() => buildIresnet(network, { precision: 'int8' })).toThrow('ranges')
  })
})
