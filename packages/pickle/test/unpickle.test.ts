import { findPythons, rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import type { PickleValue, UnpickleOptions } from '../src/index.js'
import {
  inputOf,
  PickleDict,
  PickleError,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleTuple,
  unpickle,
  Unpickler,
} from '../src/index.js'

type Part = string | Buffer

function bytesOf(...parts: Part[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
}

function load(parts: Part | Part[], options?: UnpickleOptions): Promise<PickleValue> {
  return unpickle(bytesOf(...[parts].flat()), 'some.pkl', options)
}

/** Containers as JavaScript's own, so that they can be compared. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleTuple) return { tuple: value.items.map(plain) }
  if (value instanceof PickleList) return value.items.map(plain)
  if (value instanceof PickleSet) return { set: [...value.items].map(plain) }
  if (value instanceof PickleDict) return new Map([...value.entries].map(([k, v]) => [plain(k), plain(v)]))
  if (value instanceof Buffer) return { bytes: value.toString('latin1') }
  return value
}

const refusal = (code: string, said: string) => ({ code, message: expect.stringContaining(said) })

describe('unpickle', () => {
  it.each<[string, Part, unknown]>([
    ['None, True, False', '(NI01\nI00\n\x88\x89t.', { tuple: [null, true, false, true, false] }],
    [
      'integers as lines',
      '(I-7\nL12345678901234567890L\nL-3L\nt.',
      { tuple: [-7, 12345678901234567890n, -3] },
    ],
    ['small integers', '(K\xffM\xff\xffJ\xff\xff\xff\xfft.', { tuple: [255, 65535, -1] }],
    [
      'long integers',
      '(\x8a\x00\x8a\x01\xff\x8a\x06\x00\x00\x00\x00\x00\x80\x8b\x02\x00\x00\x00\x00\x01t.',
      { tuple: [0, -1, -(2 ** 47), 256] },
    ],
    ['integers beyond 2⁵³', '\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', 0x1950a86a20f9469cfc6cn],
    ['floats', '(F-1.5e3\nFinf\nG\x3f\xf8\x00\x00\x00\x00\x00\x00t.', { tuple: [-1500, Infinity, 1.5] }],
    [
      'strings of Python 2',
      "(S'it\\'s \\xc3\\xa9\\n'\nU\x02hiT\x02\x00\x00\x00\xff\xfet.",
      { tuple: ["it's é\n", 'hi', { bytes: '\xff\xfe' }] },
    ],
    [
      'text',
      '(V\\u4eba\\U0001f600\xe9\nX\x02\x00\x00\x00\xc3\xa9\x8c\x01a\x8d\x01\x00\x00\x00\x00\x00\x00\x00bt.',
      { tuple: ['人😀é', 'é', 'a', 'b'] },
    ],
    [
      'bytes',
      '(C\x01\xffB\x01\x00\x00\x00a\x8e\x01\x00\x00\x00\x00\x00\x00\x00b\x96\x01\x00\x00\x00\x00\x00\x00\x00ct.',
      { tuple: [{ bytes: '\xff' }, { bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' }] },
    ],
    [
      'tuples',
      '()N\x85NN\x86NNN\x87t.',
      { tuple: [{ tuple: [] }, { tuple: [null] }, { tuple: [null, null] }, { tuple: [null, null, null] }] },
    ],
    ['lists', '(]K\x01a(K\x02K\x03e(K\x04lt.', { tuple: [[1, 2, 3], [4]] }],
    [
      'dicts',
      '(}K\x01K\x02s(K\x03K\x04u(K\x05K\x06dt.',
      {
        tuple: [
          new Map([
            [1, 2],
            [3, 4],
          ]),
          new Map([[5, 6]]),
        ],
      },
    ],
    ['sets', '(\x8f(K\x01K\x02\x90(K\x03\x91t.', { tuple: [{ set: [1, 2] }, { set: [3] }] }],
    [
      'the memo',
      '(]p0\nq\x01r\x02\x00\x00\x00\x94g0\nh\x01j\x02\x00\x00\x00h\x03t.',
      { tuple: [[], [], [], [], []] },
    ],
    ['what is taken back', '(K\x01K\x020(K\x031K\x042t.', { tuple: [1, 4, 4] }],
    ['a frame', '\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01.', 1],
    ['what comes after it', 'K\x01.garbage', 1],
  ])('reads %s', async (_what, pickle, expected) => {
    expect(plain(await load(pickle))).toEqual(expected)
  })

  it('reads a pickle that comes in pieces of any size', async () => {
    const text = 'x'.repeat(1000)
    const bytes = bytesOf(
      '\x80\x02(',
      ...Array.from({ length: 1000 }, () => ['X\xe8\x03\x00\x00', text]).flat(),
      'l.',
    )
    expect(((await load(bytes)) as PickleList).items).toEqual(Array.from({ length: 1000 }, () => text))
  })

  it('knows one value under several numbers', async () => {
    const { items } = (await load('(]q\x07h\x07t.')) as PickleTuple
    expect(items[0]).toBe(items[1])
  })
})

describe('globals', () => {
  class Point extends PickleObject {
    state: PickleValue = null
    readonly args: readonly PickleValue[]
    constructor(args: readonly PickleValue[]) {
      super()
      this.args = args
    }
    get typeName() {
      return 'a point'
    }
    override build(state: PickleValue) {
      this.state = state
    }
  }
  const globals = new Map([
    ['geo.Point', (args: readonly PickleValue[]) => new Point(args)],
    ['geo.kind', null],
  ])

  it.each([
    ['GLOBAL and REDUCE', 'cgeo\nPoint\n(K\x01K\x02tR.'],
    ['STACK_GLOBAL and NEWOBJ', '\x8c\x03geo\x8c\x05Point\x93K\x01K\x02\x86\x81.'],
    ['NEWOBJ_EX', '\x8c\x03geo\x8c\x05Point\x93K\x01K\x02\x86}\x92.'],
    ['INST', '(K\x01K\x02igeo\nPoint\n.'],
    ['OBJ', '(cgeo\nPoint\nK\x01K\x02o.'],
  ])('that are listed do what the caller says, by %s', async (_how, pickle) => {
    expect(await load(pickle, { globals })).toEqual(new Point([1, 2]))
  })

  it('get a state', async () => {
    const point = (await load('cgeo\nPoint\n)RK\x07b.', { globals })) as Point
    expect(point.state).toBe(7)
  })

  it('may be only mentioned', async () => {
    expect(await load('cgeo\nkind\n.', { globals })).toMatchObject({ name: 'geo.kind' })
    expect(await load('cgeo\nkind\n.', { globals })).toBeInstanceOf(PickleGlobal)
    await expect(load('cgeo\nkind\n)R.', { globals })).rejects.toMatchObject(
      refusal('PICKLE_DAMAGED', 'calls geo.kind'),
    )
  })

  it.each([
    ['os.system', 'cos\nsystem\n(X\x04\x00\x00\x00truetR.'],
    ['os.system', '(X\x04\x00\x00\x00trueios\nsystem\n.'],
    ['builtins.eval', '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.'],
    ['geo.Point.tofile', '\x8c\x03geo\x8c\x0cPoint.tofile\x93.'],
    ['constructor.prototype', 'cconstructor\nprototype\n.'],
    ['.__proto__', 'c\n__proto__\n.'],
  ])('that are not listed are refused by name: %s', async (name, pickle) => {
    await expect(load(pickle, { globals })).rejects.toMatchObject({
      code: 'PICKLE_GLOBAL',
      message: `some.pkl: asks for "${name}", which is never run or imported here`,
      problem: `asks for "${name}", which is never run or imported here`,
    })
  })

  it('persistent ids are the caller’s', async () => {
    const options = { persistentLoad: (id: PickleValue) => ['loaded', id].join(' ') }
    expect(await load('Psome\n.', options)).toBe('loaded some')
    expect(await load('K\x07Q.', options)).toBe('loaded 7')
    await expect(load('K\x07Q.')).rejects.toMatchObject(refusal('PICKLE_UNSUPPORTED', 'persistent id'))
  })

  it('may throw what they like', async () => {
    const broken = new Map([
      [
        'a.b',
        (): never => {
          throw new TypeError('mine')
        },
      ],
    ])
    await expect(load('ca\nb\n)R.', { globals: broken })).rejects.toThrow(new TypeError('mine'))
  })
})

describe('Unpickler', () => {
  it('lets lists be emptied while they grow, and says where the pickle ends', async () => {
    class Drained extends PickleList {
      taken: PickleValue[] = []
      override append(items: readonly PickleValue[]) {
        this.taken = [...items]
      }
    }
    const list = new Drained()
    const unpickler = new Unpickler(inputOf(bytesOf('](K\x01K\x02eK\x03a.rest'), 'x'), {
      newList: () => list,
    })
    expect([await unpickler.advance(), list.taken]).toEqual([true, [1, 2]])
    expect([await unpickler.advance(), list.taken]).toEqual([true, [3]])
    expect(await unpickler.advance()).toBe(false)
    expect(unpickler.finish()).toBe(list)
    expect(unpickler.position).toBe(11)
  })

  it('passes on what the input throws', async () => {
    const input = { source: 'x', start: 0, end: 9, read: () => Promise.reject(new Error('disk')) }
    await expect(new Unpickler(input).advance()).rejects.toThrow('disk')
  })
})

describe('refuses', () => {
  const many = (count: number, what: string | number) => Buffer.alloc(count, what)

  it.each<[string, Part[]]>([
    ['no pickle', ['hello']],
    ['a stack that is too short', ['R.']],
    ['an empty result', ['\x80\x04.']],
    ['two results', ['NN.']],
    ['a mark that stays', ['(N.']],
    ['a missing mark', [']e.']],
    ['a mark between the arguments', ['K\x01(\x86.']],
    ['an empty memo slot', ['h\x07.']],
    ['a memo slot as text', ['Npx\n.']],
    ['a memo slot beyond every bound', ['Nr\xff\xff\xff\xff.']],
    ['a call of no function', ['K\x01)R.']],
    ['a state for a number', ['K\x01)b.']],
    ['a state for a dict', ['})b.']],
    ['an item set in no dict', [']K\x01K\x01s.']],
    ['an item added to no set', [']K\x01K\x01\x90.']],
    ['a key without a value', ['}(K\x01u.']],
    ['text that is not UTF-8', ['\x8c\x02\xff\xfe.']],
    ['a number that is none', ['I1x\n.']],
    ['a float that is none', ['F1e\n.']],
    ['a string without its end', ["S'abc\n."]],
    ['names that are numbers', ['K\x01K\x02\x93.']],
    ['an endless name', ['c', many(1_000_000, 'n')]],
    ['an endless name on the stack', ['\x8c\x01aX\x40\x42\x0f\x00', many(1_000_000, 'n'), '\x93.']],
    ['an endless number', ['L', many(1_000_000, '9')]],
  ])('%s', async (_what, parts) => {
    await expect(load(parts)).rejects.toMatchObject({
      name: 'PickleError',
      code: expect.stringMatching(/^PICKLE_(?:DAMAGED|UNSUPPORTED)$/),
      message: expect.stringMatching(/^some\.pkl: .{5,200}$/),
    })
  })

  it.each<[string, Part[]]>([
    ['an unknown opcode', ['\xff.']],
    ['the extension registry', ['\x82\x01.']],
    ['out-of-band buffers', ['\x97.']],
    ['a protocol of the future', ['\x80\x06N.']],
    ['arguments by name', ['N)}(K\x01K\x02u\x92.']],
    ['an integer of 1000 bytes', ['\x8b\xe8\x03\x00\x00', many(1000, 1), '.']],
    ['a text of 16 MiB', ['X\x01\x00\x00\x01', many(2 ** 24 + 1, 'n')]],
    ['endless marks', [many(1_000_000, '(')]],
    ['endless values', [many(1_000_000, 'N')]],
    ['endless tuples', ['N', many(1_000_000, 0x85)]],
    ['endless lists', [many(100, ']'), many(100, 'a'), '.']],
    ['a list in itself', [']q\x00h\x00a.']],
    ['a dict in itself', ['}q\x00K\x01h\x00s.']],
    ['a list in a tuple in itself', [']q\x00h\x00\x85a.']],
    ['two lists in each other', [']q\x00]q\x01h\x00ah\x01h\x00\x86h\x00h\x01a.']],
    ['changing what is part of another', [']q\x00\x850h\x00NaN.']],
  ])('%s', async (_what, parts) => {
    await expect(load(parts)).rejects.toMatchObject(refusal('PICKLE_UNSUPPORTED', 'some.pkl: '))
  })

  it.each<[string, Part]>([
    ['a text of 4 GB', 'X\xff\xff\xff\xff'],
    ['a text of 16 EB', '\x8d\xff\xff\xff\xff\xff\xff\xff\xff'],
    ['a string of 4 GB', 'T\xff\xff\xff\xff'],
    ['bytes of 2 GB', 'B\xff\xff\xff\x7f'],
    ['an integer of 4 GB', '\x8b\xff\xff\xff\xff'],
    ['a frame of 16 EB', '\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff'],
    ['a line', 'I12'],
    ['no end', 'N'],
    ['nothing', ''],
  ])('%s that is not there', async (_what, pickle) => {
    await expect(load(pickle)).rejects.toMatchObject(refusal('PICKLE_TRUNCATED', 'some.pkl: ended at byte'))
  })

  it.each([
    ['depth', 'N\x85\x85\x85.', 'N\x85\x85\x85\x85.'],
    ['stack', `(${'N'.repeat(10)}t.`, `(${'N'.repeat(11)}t.`],
    ['values', `${'N0'.repeat(99)}N.`, `${'N0'.repeat(100)}N.`],
    ['values in the memo', `N${'\x94'.repeat(100)}.`, `N${'\x94'.repeat(101)}.`],
    ['bytes', 'X\x05\0\0\0abcde.', 'X\x06\0\0\0abcdef.'],
  ])('more %s than the caller allows', async (_what, allowed, refused) => {
    const limits = { depth: 3, stack: 10, values: 100, bytes: 5 }
    await load(allowed, { limits })
    await expect(load(refused, { limits })).rejects.toBeInstanceOf(PickleError)
  })

  it('anything, without hanging or another error, however the bytes are changed', async () => {
    const random = seededRandom(5)
    const whole = bytesOf(
      "\x80\x02}q\x00(X\x05\x00\x00\x00stepsq\x01K\x03X\x04\x00\x00\x00whenq\x02cdatetime\ntimedelta\nq\x03K\x02K\x00K\x00\x87q\x04Rq\x05I12\nS'ab'\n]q\x06(K\x01\x8f(N\x90G\x3f\xf8\x00\x00\x00\x00\x00\x00e(K\x01\x8a\x02\x01\x01tu.",
    )
    const globals = new Map([['datetime.timedelta', (args: readonly PickleValue[]) => args.length]])
    await expect(load(whole, { globals })).resolves.toBeInstanceOf(PickleDict)
    const count = rounds(10_000, 200_000)
    let refused = 0
    for (let round = 0; round < count; round++) {
      const bytes = Buffer.from(whole)
      for (let i = Math.floor(random() * 3); i >= 0; i--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      }
      await load(bytes, { globals }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(PickleError)
        refused++
      })
    }
    expect(refused).toBeGreaterThan(count / 2)
    for (let length = 0; length < whole.length; length++) {
      await expect(load(whole.subarray(0, length), { globals })).rejects.toMatchObject({
        code: 'PICKLE_TRUNCATED',
      })
    }
  })
})

const pythons = await findPythons('json')
afterAll(() => pythons.forEach((python) => python.close()))
if (pythons.length === 0) it.skip('needs a Python: none was found, so interoperation is NOT tested')

describe.each(pythons.map((python) => [python.version, python] as const))('Python %s', (_version, python) => {
  it.each([0, 1, 2, 3, 4, 5])('writes what is read, protocol %i', async (protocol) => {
    const hex = await python.run<string>(
      `import pickle
shared = ['shared']
value = {'none': None, 'flags': [True, False], 'integers': [0, -1, 255, 65536, -2**31, 2**40, -2**70, 2**53],
    'floats': [1.5, -0.0, float('inf'), 1e-300], 'text': ['', 'é', '人😀', "it's\\n", 'x' * 300, '\\ud800', '\\\\u0041'],
    'tuples': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], 'nested': {'a': [{'b': (shared, shared)}]},
    3: 'three', (1, 2): 'pair', 'many': list(range(2500))}
print(json.dumps(pickle.dumps(value, protocol=${protocol}).hex()))`,
    )
    const value = (await load(Buffer.from(hex, 'hex'))) as PickleDict
    const entries = new Map(
      [...value.entries].map(([key, item]) => [typeof key === 'object' ? 'pair' : key, plain(item)]),
    )
    expect(entries).toEqual(
      new Map<unknown, unknown>([
        ['none', null],
        ['flags', [true, false]],
        ['integers', [0, -1, 255, 65536, -(2 ** 31), 2 ** 40, -(2n ** 70n), 2n ** 53n]],
        ['floats', [1.5, -0, Infinity, 1e-300]],
        ['text', ['', 'é', '人😀', "it's\n", 'x'.repeat(300), '\ud800', '\\u0041']],
        ['tuples', [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]].map((tuple) => ({ tuple }))],
        ['nested', new Map([['a', [new Map([['b', { tuple: [['shared'], ['shared']] }]])]]])],
        [3, 'three'],
        ['pair', 'pair'],
        ['many', Array.from({ length: 2500 }, (_, i) => i)],
      ]),
    )
  })
})
