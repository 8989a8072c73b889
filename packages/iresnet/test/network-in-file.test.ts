import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomWeights } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  isTorchFile,
  loadIresnet,
  openStateDict,
  type LoadIresnetOptions,
  type Network,
} from '../src/index.js'
import type { Pickled } from './torch-files.js'
import { bytesOf, dict, integer, pickle, safetensors, tensor, torchLegacy, torchZip } from './torch-files.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-network-'))
})
afterAll(() => rm(folder, { recursive: true }))

const DIM = 10
const SIZE = { width: 16, height: 16 }
const SHAPES = { arcface: [1, 1], revised: [1, 1] } as const
type Dialect = keyof typeof SHAPES

const weightsOf = (dialect: Dialect) =>
  randomWeights({ dialect, depths: [...SHAPES[dialect]], widths: [4, 6, 8], picture: [16, 16], dim: DIM })

const tensorOf = (...shape: number[]): Values => ({
  shape,
  values: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
})

interface Values {
  shape: number[]
  values: Float32Array
}

/** The tensors of an iresnet under a prefix, and others. */
async function tensorsOf(
  dialect: Dialect,
  prefix: string,
  others: Readonly<Record<string, Values>> = {},
): Promise<Map<string, Values>> {
  const all = new Map<string, Values>()
  for (const [name, { shape, read }] of weightsOf(dialect).tensors)
    all.set(prefix + name, { shape: [...shape], values: await read() })
  for (const [name, values] of Object.entries(others)) all.set(name, values)
  return all
}

/** A PyTorch file: @param wrap what the state dict is part of */
function torchFile(tensors: ReadonlyMap<string, Values>, wrap = (value: Pickled) => value): Buffer {
  const entries = [...tensors].map(([name, { shape, values }], i) => {
    return [name, tensor({ key: String(i), count: values.length, shape })] as const
  })
  const storages = [...tensors.values()].map(({ values }, i) => [String(i), bytesOf(values)] as const)
  return torchZip(wrap(dict(Object.fromEntries(entries))), Object.fromEntries(storages))
}

async function load(
  bytes: Uint8Array,
  options: LoadIresnetOptions = {},
): Promise<{ network: Network; notes: string[] }> {
  const path = join(folder, 'weights.pth')
  await writeFile(path, bytes)
  const notes: string[] = []
  const stateDict = await openStateDict(path)
  const onNote = (line: string) => notes.push(line)
  const network = await loadIresnet(stateDict, { size: SIZE, onNote, ...options }).finally(() =>
    stateDict.close(),
  )
  return { network, notes }
}

const plain = async (dialect: Dialect, options: LoadIresnetOptions = {}) =>
  loadIresnet(weightsOf(dialect), { size: SIZE, ...options })

describe('a network is found', () => {
  it.each([
    '',
    'model.',
    'backbone.',
    'module.',
    'net.',
    'model.net.',
    'encoder.',
    'student.face_net.',
    '_orig_mod.module.features.',
  ])('under %j in either dialect, also beside a classifier', async (prefix) => {
    for (const dialect of ['arcface', 'revised'] as const) {
      const expected = await plain(dialect)
      expect(await load(torchFile(await tensorsOf(dialect, prefix)))).toEqual({
        network: expected,
        notes: [],
      })
      for (const name of ['weight', 'kernel', 'margin.weight', 'head.kernel']) {
        const beside = { [name]: tensorOf(500, DIM) }
        const found = await load(torchFile(await tensorsOf(dialect, prefix, beside)))
        expect(found.network).toEqual(expected)
        expect(found.notes).toEqual([
          expect.stringMatching(new RegExp(`weights.pth.*: ${name.replaceAll('.', '\\.')}$`)),
        ])
      }
    }
  })

  it.each(['state_dict', 'net', 'backbone', 'model_state_dict', 'optimized'])(
    'in a wrapper %s',
    async (key) => {
      const tensors = await tensorsOf('arcface', 'module.')
      const wrap = (value: Pickled) => dict({ epoch: integer(3), optimizer: dict({}), [key]: value })
      expect((await load(torchFile(tensors, wrap))).network).toEqual(await plain('arcface'))
    },
  )

  it('with all that a head keeps beside its classes, and says no more than a line', async () => {
    const head = {
      'head.kernel': tensorOf(DIM, 100),
      'head.t': tensorOf(1),
      'head.batch_mean': tensorOf(1),
      'margin.weight': tensorOf(100, DIM),
      'margin.bias': tensorOf(100),
      kernel: tensorOf(DIM, 100),
      t: tensorOf(),
    }
    const { network, notes } = await load(torchFile(await tensorsOf('revised', '', head)))
    expect(network).toEqual(await plain('revised'))
    expect(notes).toEqual([expect.stringMatching(/head\.kernel, .* and 2 more$/)])
  })

  it('as a state dict that is the only one with a network, whatever else is larger', async () => {
    const tensors = await tensorsOf('arcface', '')
    const more = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`w${i}`, tensor({ key: '0', count: 108, shape: [1] })]),
    )
    const wrap = (value: Pickled) => dict({ generator: dict(more), face: value })
    expect((await load(torchFile(tensors, wrap))).network).toEqual(await plain('arcface'))
  })

  it('once, where a checkpoint has the same dict in two places', async () => {
    const tensors = await tensorsOf('arcface', '')
    // Kept as memo 9, and taken from there.
    const wrap = (value: Pickled) =>
      dict({ model: Buffer.concat([value, Buffer.from('q\x09')]), state_dict: Buffer.from('h\x09') })
    expect((await load(torchFile(tensors, wrap))).network).toEqual(await plain('arcface'))
  })

  it.each([
    ['two prefixes', 'model.', 'ema.', undefined, '"model.*", "ema.*"'],
    [
      'two wrappers',
      '',
      '',
      (value: Pickled) => dict({ state_dict: value, ema: value }),
      '"state_dict.*", "ema.*"',
    ],
  ])('but none is chosen of %s', async (_what, first, second, wrap, said) => {
    const tensors = new Map([...(await tensorsOf('arcface', first)), ...(await tensorsOf('arcface', second))])
    await expect(load(torchFile(tensors, wrap))).rejects.toMatchObject({
      code: 'TORCH_FILE',
      message: expect.stringContaining(`weights.pth: has several networks, ${said}, expected one; fix: `),
    })
  })

  it.each([
    // Of the length of an embedding, and within the network.
    ['layer1.0.se.weight', tensorOf(4, DIM)],
    ['bn1.scale', tensorOf(500, DIM)],
    ['layer3.0.conv1.extra', tensorOf(3)],
    ['attention.weight', tensorOf(8, 8, 3, 3)],
    ['scale', tensorOf(1)],
  ])('but nothing is left out that it could compute with: %s', async (name, values) => {
    await expect(load(torchFile(await tensorsOf('arcface', '', { [name]: values })))).rejects.toMatchObject({
      code: 'IRESNET_TENSORS',
      message: expect.stringContaining(`its tensor ${name} (`),
    })
  })

  it('in the layout of MagFace, which tells its epsilon', async () => {
    const bytes = torchFile(await tensorsOf('arcface', 'features.module.'))
    const { network, notes } = await load(bytes)
    expect(network).toEqual(await plain('arcface', { epsilon: 2e-5 }))
    expect(notes).toEqual([expect.stringMatching(/weights\.pth.*MagFace.*2e-5.*--bn-eps/)])
    const told = await load(bytes, { epsilon: 1e-5 })
    expect(told).toEqual({ network: await plain('arcface'), notes: [] })
  })

  it('in a safetensors file', async () => {
    const tensors = await tensorsOf('arcface', 'net.', { 'head.kernel': tensorOf(DIM, 10) })
    let at = 0
    const header = [...tensors].map(([name, { shape, values }]) => {
      return [name, { dtype: 'F32', shape, data_offsets: [at, (at += values.byteLength)] }] as const
    })
    const data = Buffer.concat([...tensors.values()].map(({ values }) => bytesOf(values)))
    const { network, notes } = await load(safetensors(Object.fromEntries(header), data))
    expect(network).toEqual(await plain('arcface'))
    expect(notes).toEqual([expect.stringContaining('head.kernel')])
  })
})

describe('another network is named, with what helps', () => {
  it.each([
    ['a MobileFaceNet', 'conv2_dw.conv.weight', 112],
    ['a MobileFaceNet', 'conv_sep.layers.0.weight', 112],
    ['a vision transformer', 'backbone.blocks.0.attn.qkv.weight', 112],
    ['a vision transformer', 'pos_embedding', 112],
    ['an EdgeFace', 'model.stages.1.blocks.2.xca.qkv.weight', 112],
    ['a FaceNet', 'repeat_1.0.branch0.conv.weight', 160],
    ['Of other networks', 'some.weight', 112],
  ])('%s', async (name, key, pixels) => {
    const failure = load(
      torchFile(
        new Map([
          ['a.weight', tensorOf(2)],
          [key, tensorOf(2)],
        ]),
      ),
    )
    await expect(failure).rejects.toMatchObject({ code: 'IRESNET_TENSORS' })
    await expect(failure).rejects.toThrow(name)
    await expect(failure).rejects.toThrow(
      `torch.onnx.export(model.eval(), torch.zeros(1, 3, ${pixels}, ${pixels})`,
    )
  })
})

it('another network that begins as an iresnet does is named, too', async () => {
  const tensors = new Map([
    ['model.stem.0.weight', tensorOf(8, 3, 4, 4)],
    ['model.stages.1.blocks.2.xca.qkv.weight', tensorOf(2)],
  ])
  await expect(load(torchFile(tensors))).rejects.toThrow(/stem\.0\.weight .*EdgeFace.*torch\.onnx\.export/)
})

describe('isTorchFile', () => {
  const weights = torchFile(new Map([['w', tensorOf(1)]]))
  it.each<[string, Uint8Array | string, boolean]>([
    ['a.onnx', weights, true],
    ['b.bin', torchLegacy(dict({}), []), true],
    ['c.pkl', pickle(dict({})), true],
    ['d.onnx', safetensors({ w: {} }, new Uint8Array(0)), true],
    ['e.pth', Buffer.from('\x08\x07\x12\x07pytorch', 'latin1'), false],
    ['f.safetensors', Buffer.from('\x08\x07:\xf9\x02', 'latin1'), false],
    ['g.pth', '<!doctype html>', true],
    ['h.onnx', '<!doctype html>', false],
    ['i.pth.tar', '', true],
    ['j.safetensors', '', true],
    ['k', 'version https://git-lfs', false],
  ])('tells by what is in it, else by the name: %s', async (name, bytes, expected) => {
    await writeFile(join(folder, name), bytes)
    expect(await isTorchFile(join(folder, name))).toBe(expected)
  })

  it('takes what is no file by its name', async () => {
    await mkdir(join(folder, 'folder.pth'))
    expect(await isTorchFile(join(folder, 'folder.pth'))).toBe(true)
    expect(await isTorchFile(join(folder, 'missing.pth'))).toBe(true)
    expect(await isTorchFile(folder)).toBe(false)
  })
})
