import type { GlobalCall, PickleValue } from '@facekit/pickle'
import { PickleGlobal, PickleList, PickleTuple, typeName } from '@facekit/pickle'
import { DeclaredStorage, DeclaredTensor, Inert, TorchDict } from './declared.js'
import { ITEM_BYTES } from './dtypes.js'
import { holdsTensor } from './find-tensor.js'
import type { TorchDtype } from './torch-tensor.js'

/** Throws what is wrong with a value. */
export type Refuse = (what: string) => never

/** PyTorch's own limit. */
const MAX_AXES = 64
/** Of a storage; they are numbers. */
const MAX_KEY = 64
/** Of all dicts that are made from lists of pairs, so that one list cannot be copied again and again. */
const MAX_COPIED_PAIRS = 2 ** 20

const STORAGE_DTYPES: Readonly<Record<string, TorchDtype>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  UntypedStorage: 'uint8',
  _UntypedStorage: 'uint8',
}
const STORAGE_MODULES = ['torch', 'torch.cuda', 'torch.storage']
const STORAGES: ReadonlyMap<string, TorchDtype> = new Map(
  STORAGE_MODULES.flatMap((module) =>
    Object.entries(STORAGE_DTYPES).map(([name, dtype]) => [`${module}.${name}`, dtype] as const),
  ),
)
const DTYPES: ReadonlyMap<string, TorchDtype> = new Map(
  (Object.keys(ITEM_BYTES) as TorchDtype[]).map((dtype) => [`torch.${dtype}`, dtype]),
)

/** What a checkpoint has beside its tensors, by what is made of it: nothing that anyone could use. */
const INERT: Readonly<Record<string, string>> = {
  'torch.device': 'a device',
  'torch.torch_version.TorchVersion': 'a version',
  'argparse.Namespace': 'a Namespace',
  'types.SimpleNamespace': 'a SimpleNamespace',
  'collections.Counter': 'a Counter',
  'numpy.dtype': 'a numpy dtype',
  'numpy.core.multiarray.scalar': 'a numpy scalar',
  'numpy._core.multiarray.scalar': 'a numpy scalar',
  'numpy.core.multiarray._reconstruct': 'a numpy array',
  'numpy._core.multiarray._reconstruct': 'a numpy array',
  'numpy.core.numeric._frombuffer': 'a numpy array',
  'numpy._core.numeric._frombuffer': 'a numpy array',
  // The bytes of a numpy scalar.
  '_codecs.encode': 'bytes',
  'builtins.bytearray': 'a bytearray',
  'builtins.complex': 'a complex',
  'builtins.frozenset': 'a frozenset',
  'builtins.set': 'a set',
  '__builtin__.frozenset': 'a frozenset',
  '__builtin__.set': 'a set',
}
/** Modules whose objects, whatever they are, are dates, paths, options of a run, or notes of a trainer. */
const INERT_MODULES = new Set([
  'addict',
  'datetime',
  'decimal',
  'easydict',
  'fvcore',
  'lightning',
  'lightning_fabric',
  'ml_collections',
  'mmcv',
  'mmengine',
  'munch',
  'omegaconf',
  'pathlib',
  'pytorch_lightning',
  'typing',
  'uuid',
  'yacs',
])
/** Named by the above, never called. */
const MENTIONED = [
  'numpy.ndarray',
  'torch.Tensor',
  ...['dict', 'list', 'tuple', 'str', 'int', 'long', 'float', 'bool'].flatMap((type) => [
    `builtins.${type}`,
    `__builtin__.${type}`,
  ]),
]

/** What rebuilds a tensor from arguments that a tensor with attributes carries. */
type Builders = ReadonlyMap<string, GlobalCall>

/** What quantised weights ask for: dtypes, storages, and what puts them together. */
const QUANTIZED = /^torch\.(?:quint|qint|per_|Q(?:UI|I)nt|(?:ao\.)?(?:nn\.)?quantized)|_rebuild_qtensor$/

/**
 * The globals that tensors need, and those that stand for nothing: what these hold is dropped. Nothing of them is
 * Python's or PyTorch's code.
 *
 * @param unsupported throws what cannot be taken from a sound file, and what mends it
 */
export function torchGlobals(
  refuse: Refuse,
  unsupported: (problem: string, fix?: string) => never,
): { get(name: string): GlobalCall | null | undefined } {
  const builders = tensorBuilders(refuse)
  const seen = new WeakSet<object>()
  const inert = (name: string, what: string): GlobalCall => {
    const drop = (value: PickleValue) => {
      if (holdsTensor(value, seen)) unsupported(`keeps tensors in an object, of ${JSON.stringify(name)}`)
    }
    return (args) => {
      args.forEach(drop)
      return new Inert(what, drop)
    }
  }
  const known = new Map<string, GlobalCall | null>([
    ...[...STORAGES.keys(), ...DTYPES.keys(), ...MENTIONED].map((name) => [name, null] as const),
    ...Object.entries(INERT).map(([name, what]) => [name, inert(name, what)] as const),
    ...builders,
    ['torch._tensor._rebuild_from_type_v2', attributed(builders, refuse)],
    [
      'torch.Size',
      ([items]) => (items instanceof PickleTuple ? items : refuse('has a torch.Size of no tuple')),
    ],
    ['collections.OrderedDict', dictMaker(refuse)],
    ['collections.defaultdict', () => new TorchDict()],
    ['collections.deque', () => new PickleList()],
  ])
  return {
    get: (name) => {
      const call = known.get(name)
      if (call !== undefined) return call
      if (INERT_MODULES.has(name.slice(0, name.indexOf('.')))) return inert(name, `an object of ${name}`)
      if (QUANTIZED.test(name)) {
        return unsupported(
          `holds quantised weights (${name})`,
          'take the float weights that they were made from: --precision int8 quantises those',
        )
      }
      return undefined
    },
  }
}

/** What a persistent id stands for: always a storage. */
export function loadStorage(id: PickleValue, refuse: Refuse): DeclaredStorage {
  const [kind, type, key, , count, view] = id instanceof PickleTuple ? id.items : []
  const dtype = type instanceof PickleGlobal ? STORAGES.get(type.name) : undefined
  if (kind !== 'storage' || !dtype || typeof key !== 'string' || key.length > MAX_KEY || !isCount(count)) {
    return refuse('refers to something that is no storage')
  }
  const itemBytes = ITEM_BYTES[dtype]
  const bytes = count * itemBytes
  if (view === undefined || view === null) return new DeclaredStorage(key, dtype, bytes)
  const [, offset, length] = view instanceof PickleTuple ? view.items : []
  if (!isCount(offset) || !isCount(length) || offset + length > count) {
    return refuse(`has a view beyond its storage ${key}`)
  }
  return new DeclaredStorage(key, dtype, bytes, offset * itemBytes, (offset + length) * itemBytes)
}

function tensorBuilders(refuse: Refuse): Builders {
  /** (storage, offset, shape, strides, …) */
  const tensor = (args: readonly PickleValue[], dtype?: TorchDtype) => {
    const [storage, offset, size, stride] = args
    if (!(storage instanceof DeclaredStorage)) {
      return refuse(`builds a tensor on ${typeName(storage)} instead of a storage`)
    }
    const shape = counts(size)
    const strides = counts(stride)
    if (!isCount(offset) || !shape || shape.length !== strides?.length) {
      return refuse('builds a tensor whose offset, shape and strides do not fit together')
    }
    return new DeclaredTensor(storage, dtype ?? storage.dtype, { offset, shape, strides })
  }

  /** (storage, offset, shape, strides, requires_grad, hooks, dtype): on an untyped storage. */
  const typedTensor = (args: readonly PickleValue[]) => {
    const dtype = args[6] instanceof PickleGlobal ? DTYPES.get(args[6].name) : undefined
    return tensor(args, dtype ?? refuse('builds a tensor without a dtype'))
  }

  /** (tensor, requires_grad, …): as weights the same. */
  const parameter = ([data]: readonly PickleValue[]) =>
    data instanceof DeclaredTensor ? data : refuse(`builds a parameter of ${typeName(data)}`)

  return new Map<string, GlobalCall>([
    ['torch._utils._rebuild_tensor', (args) => tensor(args)],
    ['torch._utils._rebuild_tensor_v2', (args) => tensor(args)],
    ['torch._utils._rebuild_tensor_v3', typedTensor],
    ['torch._utils._rebuild_parameter', parameter],
    ['torch._utils._rebuild_parameter_with_state', parameter],
    ['torch.nn.parameter.Parameter', parameter],
  ])
}

/** (how to build it, its class, arguments of the former, attributes): a tensor with attributes. */
function attributed(builders: Builders, refuse: Refuse): GlobalCall {
  return ([builder, , args]) => {
    const build = builder instanceof PickleGlobal ? builders.get(builder.name) : undefined
    if (!build || !(args instanceof PickleTuple)) return refuse(`builds a tensor by ${typeName(builder)}`)
    return build(args.items)
  }
}

/** An OrderedDict: Python 2 gave it all its pairs at once. */
function dictMaker(refuse: Refuse): GlobalCall {
  let copied = 0
  return ([pairs]) => {
    const dict = new TorchDict()
    if (!(pairs instanceof PickleList)) return dict
    copied += pairs.items.length
    if (copied > MAX_COPIED_PAIRS) return refuse(`copies more than ${MAX_COPIED_PAIRS} pairs into dicts`)
    for (const pair of pairs.items) {
      const [key, value] = pair instanceof PickleTuple || pair instanceof PickleList ? pair.items : []
      if (key === undefined || value === undefined) return refuse(`makes a dict of ${typeName(pair)}`)
      dict.adopt([key, value])
      dict.set(key, value)
    }
    return dict
  }
}

/** A shape or strides. */
function counts(value: PickleValue | undefined): readonly number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > MAX_AXES) return undefined
  return value.items.every(isCount) ? value.items : undefined
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
