import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IresnetError, openStateDict } from '../src/index.js'
import type { Pickled } from './torch-files.js'
import {
  bytesOf,
  call,
  dict,
  integer,
  list,
  named,
  none,
  pickle,
  safetensors,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  withState,
  zip,
} from './torch-files.js'

let path = ''
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'facekit-torch-')), 'weights.pth')
})
afterAll(() => rm(join(path, '..'), { recursive: true }))

/** Opens a file and reads all its tensors. */
async function load(bytes: Uint8Array | string): Promise<void> {
  await writeFile(path, bytes)
  const { tensors, close } = await openStateDict(path)
  try {
    for (const found of tensors.values()) await found.read()
  } finally {
    await close()
  }
}

const refusal = (said: string, code = 'TORCH_FILE') => ({
  name: 'IresnetError',
  code,
  message: expect.stringMatching(new RegExp(`weights\\.pth: [^]*${said}`)),
})

const SIX = bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6))
const W = tensor({ count: 6, shape: [2, 3] })
const zipOf = (value: Pickled) => torchZip(value, { '0': SIX })
const legacyOf = (value: Pickled) => torchLegacy(value, [{ key: '0', count: 6, data: SIX }])
const latin1 = (bytes: string) => Buffer.from(bytes, 'latin1')

describe('nothing is executed', () => {
  it.each<[string, Pickled]>([
    ['os.system', call('os.system', text('touch /tmp/owned'))],
    ['posix.system', call('posix.system', text('touch /tmp/owned'))],
    ['builtins.eval', dict({ weight: W, run: call('builtins.eval', text('1')) })],
    ['torch.hub.load', dict({ state_dict: dict({ weight: W }), extra: call('torch.hub.load', text('x')) })],
    [
      'torch.nn.modules.conv.Conv2d',
      dict({
        model: withState(Buffer.concat([named('torch.nn.modules.conv.Conv2d'), latin1(')\x81')]), dict({})),
      }),
    ],
    [
      'backbones.iresnet.IResNet',
      tuple(text('module'), named('backbones.iresnet.IResNet'), text('iresnet.py'), text('class')),
    ],
    ['torch.storage._load_from_bytes', dict({ w: call('torch.storage._load_from_bytes', text('x')) })],
    [
      'torch.ComplexFloatStorage',
      dict({ w: tensor({ storage: 'ComplexFloatStorage', count: 6, shape: [6] }) }),
    ],
    ['constructor.constructor', call('constructor.constructor', text('return process'))],
  ])('%s is refused by name, with the fix', async (name, value) => {
    const expected = refusal(
      `asks for "${name.replaceAll('.', '\\.')}"[^]*never run[^]*torch\\.save\\(model\\.state_dict`,
      'TORCH_GLOBAL',
    )
    await expect(load(zipOf(value))).rejects.toMatchObject(expected)
    await expect(load(legacyOf(value))).rejects.toMatchObject(expected)
    // A pickle alone, as malware comes.
    await expect(load(pickle(value))).rejects.toMatchObject(expected)
  })

  it.each<[string, Pickled]>([
    ['torch.qint8', dict({ 'fc._packed_params.dtype': named('torch.qint8') })],
    ['torch.QInt8Storage', dict({ w: storage({ storage: 'QInt8Storage', count: 6, shape: [] }) })],
    ['torch._utils._rebuild_qtensor', dict({ w: call('torch._utils._rebuild_qtensor') })],
    ['torch.nn.quantized.modules.linear.Linear', call('torch.nn.quantized.modules.linear.Linear')],
  ])('quantised weights (%s) are told, with what helps', async (name, value) => {
    const expected = refusal(`quantised weights \\(${name}\\)[^]*float weights`, 'TORCH_GLOBAL')
    await expect(load(zipOf(value))).rejects.toMatchObject(expected)
    await expect(load(legacyOf(value))).rejects.toMatchObject(expected)
  })

  const object = (name: string, ...args: Pickled[]) =>
    Buffer.concat([named(name), tuple(...args), latin1('\x81')])

  it('objects that say nothing about tensors are passed over', async () => {
    const config = withState(
      object('omegaconf.dictconfig.DictConfig'),
      dict({ _content: dict({ lr: integer(1) }) }),
    )
    const options = Buffer.concat([object('easydict.EasyDict'), text('lr'), integer(1), latin1('s')])
    const version = object('torch.torch_version.TorchVersion', text('2.1.0'))
    await load(zipOf(dict({ config, options, version, state_dict: dict({ w: W }) })))
  })

  it.each<[string, Pickled]>([
    ['easydict.EasyDict', Buffer.concat([object('easydict.EasyDict'), text('w'), W, latin1('s')])],
    ['yacs.config.CfgNode', withState(object('yacs.config.CfgNode'), dict({ a: list(tuple(W)) }))],
    ['argparse.Namespace', withState(object('argparse.Namespace'), dict({ w: W }))],
    [
      'pytorch_lightning.core.LightningModule',
      object('pytorch_lightning.core.LightningModule', dict({ w: W })),
    ],
  ])('but not where a tensor hangs on one: %s', async (name, value) => {
    const said = `keeps tensors in an object, of "${name}"[^]*torch\\.save\\(model\\.state_dict`
    await expect(load(zipOf(dict({ value })))).rejects.toMatchObject(refusal(said, 'TORCH_GLOBAL'))
  })

  it('nor is what is only mentioned called', async () => {
    for (const name of [
      'torch.FloatStorage',
      'torch.float32',
      'numpy.ndarray',
      'torch.Tensor',
      'builtins.dict',
    ]) {
      await expect(load(zipOf(dict({ w: W, x: call(name, integer(1)) })))).rejects.toMatchObject(
        refusal(`calls ${name}`),
      )
    }
  })
})

describe('what is no PyTorch file is named', () => {
  it.each<[string, Uint8Array | string]>([
    ['is an empty file', ''],
    ['Git LFS pointer[^]*git lfs pull', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'],
    ['web page[^]*logging in', '\n<!DOCTYPE html><html>'],
    ['web page', '\ufeff<html>'],
    ['XML', '<?xml version="1.0"?><net name="torch_jit"/>'],
    ['ONNX', latin1('\x08\x08\x12\x07pytorch')],
    [
      'tar archive[^]*newer',
      Buffer.concat([Buffer.from('storages'.padEnd(257, '\0')), Buffer.from('ustar\x0000')]),
    ],
    ['gunzip', latin1('\x1f\x8b\x08\0')],
    ['NumPy', latin1('\x93NUMPY\x01\0')],
    ['HDF5', latin1('\x89HDF\r\n')],
    ['no PyTorch file', 'weights'],
    ['no PyTorch file', Buffer.alloc(100)],
    ['Python pickle, but none of torch.save', pickle(dict({ a: integer(1) }))],
    [
      'zip archive of other files \\(word/document.xml\\)[^]*unpack it',
      zip({ 'word/document.xml': { data: SIX } }),
    ],
    ['2 entries data.pkl', zip({ 'a/data.pkl': { data: SIX }, 'b/data.pkl': { data: SIX } })],
    ['TorchScript', zip({ 'a/data.pkl': { data: pickle(none) }, 'a/constants.pkl': { data: pickle(none) } })],
    [
      'unknown version',
      Buffer.concat([pickle(latin1('\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19')), pickle(integer(1002))]),
    ],
  ])('%s', async (said, bytes) => {
    await expect(load(bytes)).rejects.toMatchObject(refusal(said))
  })

  it('a folder, and nothing', async () => {
    await expect(openStateDict(join(path, '..'))).rejects.toMatchObject({
      code: 'TORCH_FILE',
      message: expect.stringContaining('is a folder'),
    })
    await expect(openStateDict(`${path}.none`)).rejects.toMatchObject({
      code: 'TORCH_FILE',
      message: expect.stringContaining('weights.pth.none: no such file'),
    })
  })
})

describe('damage is told', () => {
  it.each<[string, Pickled, string]>([
    [
      'an offset beyond the storage',
      tensor({ count: 6, shape: [6], offset: 1 }),
      'its tensor w ends at number 7 of its storage, which has 6',
    ],
    ['a shape beyond the storage', tensor({ count: 6, shape: [7] }), 'ends at number 7'],
    ['strides beyond the storage', tensor({ count: 6, shape: [2, 2], strides: [5, 1] }), 'ends at number 7'],
    [
      'a shape beyond all numbers',
      tensor({
        count: 6,
        shape: Array.from({ length: 64 }, () => 2 ** 52),
        strides: Array.from({ length: 64 }, () => 2 ** 52),
      }),
      'ends at number',
    ],
    ['an offset beyond all numbers', tensor({ count: 6, shape: [1], offset: 2 ** 53 - 1 }), 'ends at number'],
    [
      'a number that is repeated without end',
      tensor({ count: 6, shape: [2 ** 31, 2 ** 31], strides: [0, 0] }),
      'makes 4611686018427388000 numbers',
    ],
    [
      'a number that is repeated too often',
      tensor({ count: 6, shape: [2 ** 21], strides: [0] }),
      'makes 2097152 numbers',
    ],
    ['a negative offset', tensor({ count: 6, shape: [1], offset: -1 }), 'do not fit together'],
    ['a negative stride', tensor({ count: 6, shape: [2], strides: [-1] }), 'do not fit together'],
    ['65 axes', tensor({ count: 6, shape: Array.from({ length: 65 }, () => 1) }), 'do not fit together'],
    ['fewer strides than axes', tensor({ count: 6, shape: [2, 3], strides: [1] }), 'do not fit together'],
    [
      'a storage that is not there',
      tensor({ key: '1', count: 6, shape: [6] }),
      '(?:no zip entry archive/data/1|list of storages)',
    ],
    [
      'a storage of another size',
      tensor({ count: 7, shape: [6] }),
      '(?:24 bytes in its zip entry archive/data/0, expected 28|has 6 numbers in storage 0, expected 7)',
    ],
    [
      'a view beyond its storage',
      tensor({ count: 6, shape: [6], view: ['v', 3, 4] }),
      'view beyond its storage',
    ],
    [
      'a tensor on a number',
      call('torch._utils._rebuild_tensor', integer(1), integer(0), tuple(), tuple()),
      'on an int instead of a storage',
    ],
    ['a parameter of a number', call('torch._utils._rebuild_parameter', integer(1)), 'a parameter of an int'],
    ['a persistent id of something else', Buffer.concat([text('x'), latin1('Q')]), 'no storage'],
    [
      'an OrderedDict of numbers',
      call('collections.OrderedDict', list(integer(1))),
      'makes a dict of an int',
    ],
    ['a list in itself', latin1(']q\x07h\x07a'), 'part of another value, or of itself'],
    ['endless nesting', latin1(`${']'.repeat(1000)}${'a'.repeat(999)}`), 'nests too deep'],
    ['a text of 16 EB', latin1(`\x8d${'\xff'.repeat(8)}`), 'cut short'],
    ['an integer of 4 GB', latin1('\x8b\xff\xff\xff\xff'), 'cut short'],
    ['a memo slot of 4 billion', latin1('Nr\xff\xff\xff\xff'), 'memo slot'],
    ['the extension registry', latin1('\x84\xff\xff\xff\xff'), 'opcode 0x84'],
    ['millions of values', latin1('N0'.repeat(2_100_000) + 'N'), 'more than 2097152 values'],
    // One list of pairs, made into dicts again and again.
    [
      'copies of copies',
      latin1(
        `](${'NN\x86'.repeat(1100)}eq\x050ccollections\nOrderedDict\nq\x060(${'h\x06h\x05\x85R'.repeat(1000)}l`,
      ),
      'copies more than',
    ],
  ])('%s', async (_what, value, said) => {
    const root = dict({ w: value })
    await expect(load(zipOf(root))).rejects.toMatchObject(refusal(said))
    await expect(load(legacyOf(root))).rejects.toMatchObject(refusal(said))
  })

  it.each<
    [
      string,
      Record<string, { data: Uint8Array; deflate?: boolean; crc?: number; size?: number; method?: number }>,
      string,
    ]
  >([
    [
      'a checksum that differs',
      { '0': { data: SIX, crc: 7 } },
      'its zip entry archive/data/0 has another checksum',
    ],
    ['the same of a packed entry', { '0': { data: SIX, deflate: true, crc: 7 } }, 'another checksum'],
    [
      'an entry that unpacks to more',
      { '0': { data: new Uint8Array(100_000), deflate: true, size: 24 } },
      'unpacks to more than its 24 bytes',
    ],
    [
      'an entry that unpacks to less',
      { '0': { data: SIX.subarray(0, 20), deflate: true, size: 24 } },
      'unpacks to 20 bytes, expected 24',
    ],
    ['an entry that is packed in no way', { '0': { data: SIX, method: 8 } }, 'cannot be unpacked'],
    ['an unknown method', { '0': { data: SIX, method: 14 } }, 'packed by method 14'],
    ['an entry of another size', { '0': { data: SIX.subarray(4) } }, 'has 20 bytes in its zip entry'],
  ])('%s', async (_what, storages, said) => {
    await expect(load(torchZip(dict({ w: W }), storages))).rejects.toMatchObject(refusal(said))
  })

  it('a zip bomb is refused before anything is allocated for it', async () => {
    const size = 2 ** 32 - 4
    const spec = { count: size / 4, shape: [size / 4] }
    const bomb = torchZip(dict({ w: tensor(spec) }), {
      '0': { data: new Uint8Array(2 ** 20), deflate: true, size },
    })
    const before = process.memoryUsage().rss
    await expect(load(bomb)).rejects.toMatchObject(refusal('more than its [0-9]+ can hold'))
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
  })

  it('names without end of prefixes are looked at in bounded memory', async () => {
    // One tensor, kept as memo 1, under 300,000 names of ten parts.
    const names = Array.from({ length: 300_000 }, (_, i) =>
      Buffer.concat([text(`${i}.a.b.c.d.e.f.g.h.i`), latin1('h\x01')]),
    )
    const batches = Array.from({ length: 300 }, (_, i) =>
      Buffer.concat([latin1('('), ...names.slice(i * 1000, (i + 1) * 1000), latin1('u')]),
    )
    const value = Buffer.concat([latin1('}'), text('w'), W, latin1('q\x01s'), ...batches])
    const bytes = zipOf(value)
    await writeFile(path, bytes)
    const before = process.memoryUsage().rss
    const { tensors, close } = await openStateDict(path)
    await close()
    expect(tensors.size).toBe(300_001)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
  })

  it('dicts without end, each with a tensor, are refused as several', async () => {
    const entries = Array.from({ length: 150_000 }, (_, i) =>
      Buffer.concat([text(`d${i}`), latin1('}'), text('w'), latin1('h\x01ss')]),
    )
    const value = Buffer.concat([
      latin1('}'),
      text('d'),
      latin1('}'),
      text('w'),
      W,
      latin1('q\x01ss'),
      ...entries,
    ])
    await expect(load(zipOf(value))).rejects.toMatchObject(
      refusal('several state dicts, under "d", "d0", "d1", "d2", "d3" and 149996 more'),
    )
  })

  it('numbers without a recorded checksum are taken', async () => {
    await load(torchZip(dict({ w: W }), { '0': { data: SIX, crc: 0 } }))
  })

  it('junk beside the tensors is not looked at', async () => {
    await load(
      zipOf(
        dict({
          optimizer: dict({ state: tensor({ key: '9', count: 1, shape: [9] }) }),
          model: dict({ w: W }),
        }),
      ),
    )
  })
})

describe('a safetensors file', () => {
  const F32 = (shape: unknown, start: unknown, end: unknown) => ({
    dtype: 'F32',
    shape,
    data_offsets: [start, end],
  })
  const w = F32([6], 0, 24)

  it('is read', async () => {
    await load(safetensors({ __metadata__: { format: 'pt' }, w }, SIX))
  })

  it.each<[string, Buffer, string]>([
    ['a header beyond the file', safetensors({ w }, SIX, 10_000n), 'refers to byte 10008'],
    ['a header of 4 GB', safetensors({ w }, SIX, 2n ** 32n), 'header of 4294967296 bytes, expected at most'],
    ['a header of 16 EB', safetensors({ w }, SIX, 2n ** 64n - 1n), 'header of 18446744073709551615 bytes'],
    ['a header that is cut', safetensors({ w }, SIX, 20n), 'no JSON'],
    ['a header that is not UTF-8', safetensors('{"\u00ff":1}', SIX, undefined).fill(0xff, 10, 12), 'no JSON'],
    ['a header of endless nesting', safetensors(`{"w":${'['.repeat(1e6)}}`, SIX), 'no JSON'],
    ['an entry that is a number', safetensors('{"w":1}', SIX), 'tensor w has no dtype'],
    ['an entry that is a list', safetensors('{"w":[]}', SIX), 'tensor w has no dtype'],
    ['no shape', safetensors({ w: { dtype: 'F32', data_offsets: [0, 24] } }, SIX), 'tensor w has no dtype'],
    ['another dtype', safetensors({ w: { ...w, dtype: 'F8_E5M2' } }, SIX), 'w of F8_E5M2, expected F64, F32'],
    ['a dtype of Object', safetensors({ w: { ...w, dtype: 'constructor' } }, SIX), 'w of constructor'],
    ['a negative shape', safetensors({ w: F32([-6], 0, 24) }, SIX), 'no dtype, shape'],
    ['a shape of fractions', safetensors({ w: F32([1.5, 4], 0, 24) }, SIX), 'no dtype, shape'],
    ['a shape of text', safetensors({ w: F32('6', 0, 24) }, SIX), 'no dtype, shape'],
    ['65 axes', safetensors({ w: F32(Array(65).fill(1), 0, 4) }, SIX), 'no dtype, shape'],
    [
      'a shape beyond all numbers',
      safetensors({ w: F32(Array(64).fill(2 ** 52), 0, 24) }, SIX),
      'has 24 bytes',
    ],
    ['a shape of other bytes', safetensors({ w: F32([7], 0, 24) }, SIX), 'w has 24 bytes, expected 28'],
    ['offsets that go back', safetensors({ w: F32([6], 24, 0) }, SIX), 'w has -24 bytes'],
    ['three offsets', safetensors({ w: { ...w, data_offsets: [0, 24, 48] } }, SIX), 'w has 24 bytes'],
    [
      'offsets beyond the file',
      safetensors({ w: F32([6], 2 ** 50, 2 ** 50 + 24) }, SIX),
      'overlap or leave a gap',
    ],
    [
      'tensors that overlap',
      safetensors({ w, v: F32([2], 16, 24) }, SIX),
      'v begins at byte 16 [^]*expected 24',
    ],
    ['a tensor in another', safetensors({ w, v: F32([2], 0, 8) }, SIX), 'w begins at byte 0 [^]*expected 8'],
    [
      'a gap',
      safetensors({ w: F32([2], 0, 8), v: F32([2], 16, 24) }, SIX),
      'v begins at byte 16 [^]*expected 8',
    ],
    [
      'bytes that belong to none',
      safetensors({ w: F32([2], 0, 8) }, SIX),
      'has 24 bytes of tensors, expected 8',
    ],
    [
      'data that is cut',
      safetensors({ w }, SIX.subarray(1)),
      'has 23 bytes of tensors, expected 24: was it cut',
    ],
    ['no tensors', safetensors('{"__metadata__":{}}', new Uint8Array(0)), 'no tensors'],
  ])('with %s is refused', async (_what, bytes, said) => {
    await expect(load(bytes)).rejects.toMatchObject(refusal(said))
  })

  it('with 100 MB of JSON is refused before it is read', async () => {
    const bytes = safetensors(`{"w":${JSON.stringify(w)}${' '.repeat(100e6)}}`, SIX)
    await writeFile(path, bytes)
    const before = process.memoryUsage().rss
    await expect(openStateDict(path)).rejects.toMatchObject(refusal('header of 1000000[0-9]+ bytes'))
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024)
  })

  it('with as large a header as is read, of anything, takes a bounded memory', async () => {
    const bytes = safetensors(`{"w":[${'[],'.repeat(2.7e6)}[]]}`, SIX)
    await writeFile(path, bytes)
    const before = process.memoryUsage().rss
    await expect(openStateDict(path)).rejects.toMatchObject(refusal('no dtype'))
    expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 * 1024)
  })
})

describe('a file that was changed by chance', () => {
  const value = dict({
    'conv.weight': W,
    'bn.bias': tensor({ key: '1', count: 2, shape: [2] }),
    epoch: integer(3),
  })
  const two = bytesOf(Float32Array.of(7, 8))
  const files: [string, Buffer][] = [
    ['zip', torchZip(value, { '0': SIX, '1': { data: two, deflate: true } }, { byteorder: 'little' })],
    [
      'older',
      torchLegacy(value, [
        { key: '0', count: 6, data: SIX },
        { key: '1', count: 2, data: two },
      ]),
    ],
    [
      'safetensors',
      safetensors(
        {
          'conv.weight': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
          'bn.bias': { dtype: 'F32', shape: [2], data_offsets: [24, 32] },
        },
        Buffer.concat([SIX, two]),
      ),
    ],
  ]

  it.each(files)('is refused where it was cut: the %s format', async (_format, whole) => {
    await load(whole)
    for (let length = 0; length < whole.length; length++) {
      await expect(load(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject(refusal(''))
    }
  })

  const longTimeoutMs = 300_000
  it.each(files)(
    'is refused or loads, without another error: the %s format',
    async (_format, whole) => {
      const random = seededRandom(7)
      const count = rounds(600, 20_000)
      let refused = 0
      for (let round = 0; round < count; round++) {
        const bytes = Buffer.from(whole)
        for (let i = Math.floor(random() * 3); i >= 0; i--) {
          const at = Math.floor(random() * bytes.length)
          // Bits, and bytes.
          bytes[at] =
            random() < 0.5 ? bytes[at]! ^ (1 << Math.floor(random() * 8)) : Math.floor(random() * 256)
        }
        await load(bytes).catch((error: unknown) => {
          expect(error).toBeInstanceOf(IresnetError)
          expect((error as IresnetError).message).toContain('weights.pth')
          refused++
        })
      }
      expect(refused).toBeGreaterThan(count / 3)
    },
    longTimeoutMs,
  )

  it('never gives other numbers: a flipped bit of the weights is found', async () => {
    const [[, whole]] = files as [[string, Buffer]]
    const at = whole.indexOf(SIX)
    for (let bit = 0; bit < 8 * SIX.length; bit++) {
      const bytes = Buffer.from(whole)
      bytes[at + Math.floor(bit / 8)]! ^= 1 << (bit % 8)
      await expect(load(bytes)).rejects.toMatchObject(refusal('another checksum'))
    }
  })
})
