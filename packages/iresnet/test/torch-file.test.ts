import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStateDict } from '../src/index.js'
import type { Pickled, TensorSpec } from './torch-files.js'
import {
  bytesOf,
  call,
  dict,
  integer,
  list,
  named,
  none,
  pickle,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  withState,
  zip,
} from './torch-files.js'

const SHARED = fileURLToPath(new URL('../../../../shared/fixtures/weights/', import.meta.url))
const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-torch-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function write(bytes: Uint8Array | string, name = 'weights.pth'): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

/** The numbers of all tensors. */
async function load(bytes: Uint8Array): Promise<Record<string, number[]>> {
  const stateDict = await openStateDict(await write(bytes))
  try {
    const numbers: Record<string, number[]> = {}
    for (const [name, found] of stateDict.tensors) numbers[name] = [...(await found.read())]
    return numbers
  } finally {
    await stateDict.close()
  }
}

/** Whether this process has a file open whose path starts so. */
async function isOpen(path: string): Promise<boolean> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
  return (await Promise.all(links)).some((link) => link.startsWith(path))
}

const SIX = bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6))
const WHOLE: TensorSpec = { count: 6, shape: [2, 3] }
/** A file with one tensor `w` on a storage of 1 to 6. */
const fileOf = (spec: Partial<TensorSpec>) =>
  torchZip(dict({ w: tensor({ ...WHOLE, ...spec }) }), { '0': SIX })
const refusal = (said: string, code = 'TORCH_FILE') => ({
  name: 'IresnetError',
  code,
  message: expect.stringMatching(new RegExp(`weights\\.pth: [^]*${said}`)),
})

describe('a tensor', () => {
  it.each<[string, Partial<TensorSpec>, number[]]>([
    ['whole', {}, [1, 2, 3, 4, 5, 6]],
    ['transposed', { shape: [3, 2], strides: [1, 3] }, [1, 4, 2, 5, 3, 6]],
    ['from the middle', { shape: [2], offset: 3 }, [4, 5]],
    ['a column', { shape: [2], strides: [3], offset: 1 }, [2, 5]],
    ['expanded', { shape: [2, 3], strides: [0, 1], offset: 3 }, [4, 5, 6, 4, 5, 6]],
    ['of overlaps', { shape: [4, 3], strides: [1, 1] }, [1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]],
    ['with axes of 1 and any strides', { shape: [1, 3, 1], strides: [99, 2, 77] }, [1, 3, 5]],
    ['in another order of axes', { shape: [1, 3, 2], strides: [6, 1, 3] }, [1, 4, 2, 5, 3, 6]],
    ['of no axes', { shape: [], offset: 5 }, [6]],
    ['empty', { shape: [0, 3] }, []],
    ['empty, beyond its storage', { shape: [3, 0], offset: 100 }, []],
  ])('%s', async (_what, spec, expected) => {
    expect(await load(fileOf(spec))).toEqual({ w: expected })
    const legacy = torchLegacy(dict({ w: tensor({ ...WHOLE, ...spec }) }), [
      { key: '0', count: 6, data: SIX },
    ])
    expect(await load(legacy)).toEqual({ w: expected })
  })

  it.each([
    ['DoubleStorage', 'float64', Float64Array.of(1.1, -1e-300, Infinity)],
    ['FloatStorage', 'float32', Float32Array.of(1.1, -0, Infinity)],
    ['LongStorage', 'int64', BigInt64Array.of(-1n, 2n ** 24n + 1n, 0x4000004000000001n)],
    ['IntStorage', 'int32', Int32Array.of(-1, 2 ** 24 + 1, -(2 ** 31))],
    ['ShortStorage', 'int16', Int16Array.of(-1, 32767, -32768)],
    ['CharStorage', 'int8', Int8Array.of(-1, 127, -128)],
    ['ByteStorage', 'uint8', Uint8Array.of(1, 128, 255)],
    ['BoolStorage', 'bool', Uint8Array.of(1, 0, 1)],
  ])('of a %s, as the nearest float32', async (type, dtype, numbers) => {
    const spec = { storage: type, count: 3, shape: [3] }
    const path = await write(torchZip(dict({ w: tensor(spec) }), { '0': bytesOf(numbers) }))
    const { tensors, close } = await openStateDict(path)
    const found = tensors.get('w')!
    expect([found.dtype, found.shape]).toEqual([dtype, [3]])
    // The last int64 lies just above the middle of two float32, where rounding to float64 first would go down.
    const expected =
      type === 'LongStorage' ? [-1, 2 ** 24, 2 ** 62 + 2 ** 39] : Float32Array.from(numbers as Float32Array)
    expect([...(await found.read())]).toEqual([...expected])
    await close()
  })

  it('of 16 bits, every value', async () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const spec = { count: 65536, shape: [65536] }
    const storages = { '0': bytesOf(bits), '1': bytesOf(bits) }
    const half = tensor({ ...spec, storage: 'HalfStorage' })
    const brain = tensor({ ...spec, storage: 'BFloat16Storage', key: '1' })
    const found = await load(torchZip(dict({ half, brain }), storages))
    const words = Uint32Array.from(bits, (value) => value << 16)
    expect(found['brain']).toEqual([...new Float32Array(words.buffer)])
    const exact = Array.from(bits, (value) => {
      const [sign, exponent, fraction] = [value >> 15 ? -1 : 1, (value >> 10) & 31, (value & 1023) / 1024]
      if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
      return exponent === 0 ? sign * 2 ** -14 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction)
    })
    expect(found['half']).toEqual(exact)
  })

  it('of big-endian machines', async () => {
    const swapped = (numbers: ArrayBufferView) => {
      const width = (numbers as Float32Array).BYTES_PER_ELEMENT
      const bytes = Buffer.from(bytesOf(numbers))
      return width === 2
        ? bytes.swap16()
        : width === 4
          ? bytes.swap32()
          : width === 8
            ? bytes.swap64()
            : bytes
    }
    const arrays = {
      DoubleStorage: Float64Array.of(1.5, 2),
      FloatStorage: Float32Array.of(1.5, 2),
      ShortStorage: Int16Array.of(3, -2),
      ByteStorage: Uint8Array.of(3, 2),
    }
    const tensors = Object.keys(arrays).map((type) => [
      type,
      tensor({ storage: type, key: type, count: 2, shape: [2] }),
    ])
    const storages = Object.entries(arrays).map(([type, numbers]) => [type, swapped(numbers)])
    const bytes = torchZip(dict(Object.fromEntries(tensors)), Object.fromEntries(storages), {
      byteorder: 'big',
    })
    expect(await load(bytes)).toEqual({
      DoubleStorage: [1.5, 2],
      FloatStorage: [1.5, 2],
      ShortStorage: [3, -2],
      ByteStorage: [3, 2],
    })
    const strange = torchZip(dict({ w: tensor(WHOLE) }), { '0': SIX }, { byteorder: 'middle' })
    await expect(load(strange)).rejects.toMatchObject(refusal('unknown byte order'))
  })

  it.each<[string, Pickled]>([
    [
      '_rebuild_tensor',
      call('torch._utils._rebuild_tensor', storage(WHOLE), integer(0), tuple(integer(6)), tuple(integer(1))),
    ],
    [
      '_rebuild_tensor_v3',
      tensor({ ...WHOLE, storage: 'torch.storage.UntypedStorage', count: 24, dtype: 'torch.float32' }),
    ],
    [
      '_rebuild_parameter',
      call('torch._utils._rebuild_parameter', tensor(WHOLE), none, call('collections.OrderedDict')),
    ],
    [
      '_rebuild_parameter_with_state',
      call('torch._utils._rebuild_parameter_with_state', tensor(WHOLE), none, none, dict({})),
    ],
    ['Parameter', call('torch.nn.parameter.Parameter', tensor(WHOLE), none)],
    [
      '_rebuild_from_type_v2',
      call(
        'torch._tensor._rebuild_from_type_v2',
        named('torch._utils._rebuild_tensor'),
        named('torch.Tensor'),
        tuple(storage(WHOLE), integer(0), tuple(integer(6)), tuple(integer(1))),
        dict({}),
      ),
    ],
    [
      'torch.Size for a shape',
      call(
        'torch._utils._rebuild_tensor',
        storage(WHOLE),
        integer(0),
        call('torch.Size', tuple(integer(6))),
        tuple(integer(1)),
      ),
    ],
    ['a storage of torch.cuda', tensor({ ...WHOLE, storage: 'torch.cuda.FloatStorage' })],
  ])('built by %s', async (_how, value) => {
    expect(await load(torchZip(dict({ w: value }), { '0': SIX }))).toEqual({ w: [1, 2, 3, 4, 5, 6] })
  })

  it('shares its storage with others, also as views of the older format', async () => {
    const left: TensorSpec = { count: 6, shape: [3], view: ['v', 0, 3] }
    const right: TensorSpec = { count: 6, shape: [2], offset: 1, view: ['v', 3, 3] }
    const value = dict({ left: tensor(left), right: tensor(right), all: tensor(WHOLE) })
    const found = await load(torchLegacy(value, [{ key: '0', count: 6, data: SIX }]))
    expect(found).toEqual({ left: [1, 2, 3], right: [5, 6], all: [1, 2, 3, 4, 5, 6] })
  })

  it('is read again, and beside others, from packed entries too', async () => {
    const data = bytesOf(Float32Array.from({ length: 3_000_000 }, (_, i) => i % 1000))
    const value = dict({
      all: tensor({ count: 3_000_000, shape: [3_000_000] }),
      few: tensor({ count: 3_000_000, shape: [3], offset: 2_500_000 }),
      wide: tensor({ count: 3_000_000, shape: [3], strides: [1_048_575], offset: 1 }),
    })
    for (const deflate of [false, true]) {
      const { tensors, close } = await openStateDict(await write(torchZip(value, { '0': { data, deflate } })))
      const read = (name: string) => tensors.get(name)!.read()
      for (let round = 0; round < 2; round++) {
        const [few, all, wide] = await Promise.all([read('few'), read('all'), read('wide')])
        expect([...few]).toEqual([0, 1, 2])
        expect([...wide]).toEqual([1, 576, 151])
        expect(Buffer.compare(bytesOf(all), data)).toBe(0)
      }
      await close()
    }
  })
})

describe('a state dict', () => {
  const w = tensor(WHOLE)
  const numbers = [1, 2, 3, 4, 5, 6]
  const zipOf = (value: Pickled) => torchZip(value, { '0': SIX })
  const weights = { 'conv.weight': w, 'conv.bias': w }
  const expected = { 'conv.weight': numbers, 'conv.bias': numbers }

  const adam = dict({
    state: Buffer.concat([
      Buffer.from('}('),
      integer(0),
      dict({ step: integer(7), exp_avg: w }),
      Buffer.from('u'),
    ]),
    param_groups: list(
      dict({ lr: Buffer.from('G\x3f\xf8\0\0\0\0\0\0', 'latin1'), params: list(integer(0)) }),
    ),
  })
  const junk = {
    epoch: integer(3),
    optimizer: adam,
    args: withState(
      Buffer.concat([named('argparse.Namespace'), Buffer.from(')\x81', 'latin1')]),
      dict({ lr: integer(1) }),
    ),
    best: call(
      'numpy.core.multiarray.scalar',
      withState(call('numpy.dtype', text('f8')), tuple(integer(3), text('<'))),
      call('_codecs.encode', text('abcdefgh'), text('latin1')),
    ),
    history: withState(
      call('numpy.core.multiarray._reconstruct', named('numpy.ndarray'), tuple(integer(0)), text('b')),
      tuple(integer(1), none),
    ),
    device: call('torch.device', text('cuda'), integer(0)),
    dtype: named('torch.float16'),
    seen: call('collections.defaultdict', named('builtins.int')),
    size: call('torch.Size', tuple(integer(3))),
    tags: call('builtins.set', list(text('a'))),
  }

  it.each<[string, Pickled]>([
    [
      'an OrderedDict with metadata',
      withState(
        Buffer.concat([
          call('collections.OrderedDict'),
          Buffer.from('('),
          text('conv.weight'),
          w,
          text('conv.bias'),
          w,
          Buffer.from('u'),
        ]),
        dict({ _metadata: dict({}) }),
      ),
    ],
    [
      'an OrderedDict of Python 2',
      call('collections.OrderedDict', list(list(text('conv.weight'), w), list(text('conv.bias'), w))),
    ],
    ['a plain dict', dict(weights)],
    ['other values beside', dict({ ...weights, version: integer(2), notes: text('x') })],
    ['state_dict, beside all that trainers keep', dict({ ...junk, state_dict: dict(weights) })],
    [
      'state_dict_backbone, beside another model',
      dict({ state_dict_softmax_fc: dict({ weight: w }), state_dict_backbone: dict(weights) }),
    ],
    ['model, beside a tensor', dict({ loss: w, model: dict(weights) })],
    ['wrappers in wrappers', dict({ model: dict({ net: dict({ state_dict: dict(weights) }) }) })],
    ['the only wrapper, of whatever name', dict({ ...junk, resnet: dict(weights) })],
    ['the prefix of DDP', dict({ 'module.conv.weight': w, 'module.conv.bias': w })],
    [
      'several prefixes',
      dict({
        state_dict: dict({ 'module.backbone.model.conv.weight': w, 'module.backbone.model.conv.bias': w }),
      }),
    ],
  ])('in %s', async (_what, value) => {
    expect(await load(zipOf(value))).toEqual(expected)
    expect(await load(torchLegacy(value, [{ key: '0', count: 6, data: SIX }]))).toEqual(expected)
  })

  it('keeps a prefix that not all have', async () => {
    expect(Object.keys(await load(zipOf(dict({ 'module.a': w, b: w }))))).toEqual(['module.a', 'b'])
  })

  it('in a folder of any name, beside entries that say nothing', async () => {
    const entries = {
      'my model/data.pkl': pickle(dict(weights)),
      'my model/data/0': SIX,
      'my model/version': SIX,
      'my model/.data/serialization_id': SIX,
    }
    const bytes = zip(Object.fromEntries(Object.entries(entries).map(([name, data]) => [name, { data }])))
    expect(await load(bytes)).toEqual(expected)
  })

  it.each<[string, Pickled, string]>([
    ['a tensor alone', w, 'holds a tensor, expected a state dict; fix: torch.save\\(model.state_dict'],
    ['a list', list(w), 'holds a list'],
    ['no tensors', dict({ epoch: integer(3) }), 'has no tensors: it holds a dict of 1 keys such as "epoch"'],
    ['nothing', dict({}), 'an empty dict'],
    [
      'two of unknown names',
      dict({ ...junk, ema: dict(weights), raw: dict(weights) }),
      'several state dicts, under "ema", "raw"',
    ],
  ])('is missing in %s', async (_what, value, said) => {
    await expect(load(zipOf(value))).rejects.toMatchObject(refusal(said))
  })

  it('leaves its file open until it is closed, and closes it if it cannot be read', async () => {
    const path = await write(zipOf(dict(weights)))
    const { tensors, source, close } = await openStateDict(path)
    expect([source, await isOpen(path)]).toEqual([path, true])
    await close()
    expect(await isOpen(path)).toBe(false)
    await expect(tensors.get('conv.bias')!.read()).rejects.toMatchObject(refusal('closed'))
    await write(zipOf(dict({})))
    await expect(openStateDict(path)).rejects.toThrow()
    expect(await isOpen(path)).toBe(false)
  })
})

describe('real files', () => {
  const files = [
    DEMO,
    ...(existsSync(SHARED)
      ? readdirSync(SHARED).flatMap((name) => (name.endsWith('.pth') ? join(SHARED, name) : []))
      : []),
  ]

  it.each(files)('%s', async (path) => {
    const { tensors, close } = await openStateDict(path)
    expect(tensors.size).toBeGreaterThan(100)
    for (const [name, found] of tensors) {
      const numbers = await found.read()
      expect(numbers.length).toBe(found.shape.reduce((product, length) => product * length, 1))
      if (name.endsWith('running_var')) expect(numbers.every((variance) => variance > 0)).toBe(true)
    }
    await close()
  })
})
