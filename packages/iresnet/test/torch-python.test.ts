import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPythons } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStateDict } from '../src/index.js'
import { bytesOf } from './torch-files.js'

const torches = await findPythons('torch', 'import torch, collections, argparse\nimport numpy as np')
afterAll(() => torches.forEach((torch) => torch.close()))
if (torches.length === 0)
  it.skip('needs a Python with PyTorch: none was found, so interoperation is NOT tested')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-torch-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A small model with all that an iresnet has: a `_metadata` attribute, integers, parameters and buffers. */
const MODEL = `
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.PReLU(4), torch.nn.Linear(4, 2))
weights = model.state_dict()
`

/** Stand-ins for classes of other packages, which are pickled in the same way. */
const OBJECTS = `
import types
def foreign(name, base=object, **names):
    module, _, cls = name.rpartition('.')
    made = type(cls, (base,), dict(names, __module__=module))
    for i, letter in enumerate(module + '.'):
        if letter == '.': sys.modules.setdefault(module[:i], types.ModuleType(module[:i]))
    setattr(sys.modules[module], cls, made)
    return made
EasyDict = foreign('easydict.EasyDict', dict)
easy = EasyDict(lr=0.1, net=EasyDict(name='r50', sizes=[1, 2]))
easy.__dict__.update(easy)
CfgNode = foreign('yacs.config.CfgNode', dict)
node = CfgNode(SOLVER=CfgNode(LR=0.1, STEPS=(1, 2)))
node.__dict__['__immutable__'] = True
DictConfig, AnyNode, Metadata = [foreign(f'omegaconf.{n}') for n in ['dictconfig.DictConfig', 'nodes.AnyNode', 'base.ContainerMetadata']]
config, child = DictConfig(), AnyNode()
child.__dict__.update(_parent=config, _val=3, _metadata=Metadata())
config.__dict__.update(_content={'lr': child}, _metadata=Metadata(), _parent=None)
Version = foreign('torch.torch_version.TorchVersion', str) if 'torch.torch_version' not in sys.modules else type(torch.__version__)
Attributes = foreign('pytorch_lightning.utilities.parsing.AttributeDict', dict)
ModelCheckpoint = foreign('pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint')
`

const CASES: [string, string][] = [
  [
    'a checkpoint of Lightning, with objects of many packages',
    `${MODEL}${OBJECTS}
import datetime, pathlib, uuid
saved = {'epoch': 3, 'pytorch-lightning_version': '1.9', 'state_dict': collections.OrderedDict(('model.' + k, v) for k, v in weights.items()),
    'callbacks': {ModelCheckpoint: {'best_model_score': torch.tensor(0.5), 'best_model_path': ''}}, 'hyper_parameters': Attributes(lr=0.1, cfg=config),
    'loops': {'fit_loop': {'state_dict': {}, 'progress': collections.deque([1, 2], 5)}}, 'optimizer_states': [{'state': {0: {'step': torch.tensor(1.)}}}],
    'easy': easy, 'node': node, 'version': Version('1.13.0'), 'when': datetime.datetime(2024, 1, 1), 'path': pathlib.Path('x'), 'id': uuid.UUID(int=5),
    'names': frozenset(['a']), 'args': argparse.Namespace(cfg=easy, path=pathlib.PurePosixPath('y')), 'space': types.SimpleNamespace(a=1)}`,
  ],
  ['a state dict', `${MODEL}saved = weights`],
  [
    'every dtype',
    `
dtypes = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
weights = {str(t): (torch.randn(5, 7) * 100).to(t) for t in dtypes}
weights['specials'] = torch.tensor([float('inf'), float('-inf'), float('nan'), -0.0, 1e-45, 3e38])
weights['halves'] = torch.arange(65536).to(torch.int16).view(torch.float16)
weights['doubles'] = torch.tensor([1 + 2**-24, 1 + 3 * 2**-24, 1e39, 1e-46], dtype=torch.float64)
weights['longs'] = torch.tensor([2**24 + 1, -2**53 - 1, 2**62 + 2**38 + 1, -2**63])
saved = weights`,
  ],
  [
    'views of one storage',
    `
base = torch.randn(6, 8, 3, 2)
weights = dict(base=base, transposed=base.permute(3, 1, 0, 2), column=base[:, 3], steps=base[::2, 1::3], last=base[5, 7, 2, 1],
    narrow=base.narrow(1, 2, 4), expanded=base[0, 0, 0].expand(5, 4, 2), channels=base.to(memory_format=torch.channels_last),
    empty=base[:0], none=torch.zeros(0), scalar=torch.tensor(3.5), ones=torch.ones(1, 1, 1), overlap=base.flatten().unfold(0, 5, 2))
saved = weights`,
  ],
  [
    'a checkpoint of a trainer',
    `${MODEL}
optimizer = torch.optim.Adam(model.parameters())
model[0](torch.randn(1, 3, 4, 4)).sum().backward()
optimizer.step()
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
saved = dict(epoch=7, global_step=np.float64(3.5), best=np.int64(4), history=np.arange(4.0), optimizer=optimizer.state_dict(),
    scheduler=scheduler.state_dict(), args=argparse.Namespace(lr=0.1, names=['a']), device=torch.device('cuda', 1), dtype=torch.bfloat16,
    size=model[0].weight.size(), flags={1, 2}, seen=collections.defaultdict(int), rng=torch.get_rng_state(), state_dict=weights)`,
  ],
  [
    'parameters',
    `${MODEL}weights = collections.OrderedDict(model.named_parameters())\nsaved = dict(model=weights)`,
  ],
  [
    'DistributedDataParallel',
    `${MODEL}saved = dict(state_dict_backbone=collections.OrderedDict(('module.' + k, v) for k, v in weights.items()))`,
  ],
  ['half precision', `${MODEL}weights = model.half().state_dict()\nsaved = weights`],
  [
    'a tensor with attributes',
    `${MODEL}weights = {'w': torch.randn(3)}\nweights['w'].note = 'kept out'\nsaved = weights`,
  ],
  ['other pickle protocols', `${MODEL}saved = weights\nkwargs = dict(pickle_protocol=4)`],
]

describe.each(torches.map((torch) => [torch.version, torch] as const))('PyTorch %s', (version, torch) => {
  describe.each([
    ['zip', 'True'],
    ['older', 'False'],
  ])('in its %s format', (format, isZip) => {
    it.each(CASES)('writes %s that is read alike', async (what, script) => {
      const path = join(folder, `${version}-${format}-${what}.pth`)
      const expected = await torch.run<{ name: string; dtype: string; shape: number[] }[]>(
        `kwargs = {}
${script}
torch.save(saved, sys.argv[1], _use_new_zipfile_serialization=${isZip}, **kwargs)
tensors = list(weights.items())
print(json.dumps([dict(name=k, dtype=str(v.dtype)[6:], shape=list(v.shape)) for k, v in tensors]))
np.concatenate([v.detach().float().contiguous().view(-1).numpy() for _, v in tensors]).tofile(sys.argv[1] + '.f32')`,
        path,
      )
      const truth = await readFile(`${path}.f32`)
      const { tensors, close } = await openStateDict(path)
      expect([...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))).toEqual(expected)
      let at = 0
      for (const [name, found] of tensors) {
        const bytes = bytesOf(await found.read())
        expect(sameNumbers(bytes, truth.subarray(at, at + bytes.length)), name).toBe(true)
        at += bytes.length
      }
      expect(at).toBe(truth.length)
      await close()
    })

    it.each([
      ['a whole model', `saved = torch.nn.Linear(2, 2)`, 'torch.nn.modules.linear.Linear'],
      ['a sparse tensor', `saved = {'w': torch.eye(3).to_sparse()}`, '_rebuild_sparse_tensor'],
      ['a function', `saved = {'w': torch.ones(2), 'run': print}`, 'print'],
    ])('writes %s, which is refused by name', async (what, script, name) => {
      const path = join(folder, `${version}-${format}-${what}.pth`)
      await torch.run(
        `${script}\ntorch.save(saved, sys.argv[1], _use_new_zipfile_serialization=${isZip})`,
        path,
      )
      await expect(openStateDict(path)).rejects.toMatchObject({
        code: 'TORCH_GLOBAL',
        message: expect.stringMatching(new RegExp(`${what}\\.pth: asks for "[^"]*${name}"`)),
      })
    })
  })

  it('writes TorchScript, which is told', async () => {
    const path = join(folder, `${version}-script.pth`)
    await torch.run(
      `torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), sys.argv[1])`,
      path,
    )
    await expect(openStateDict(path)).rejects.toMatchObject({
      code: 'TORCH_FILE',
      message: expect.stringContaining('TorchScript'),
    })
  })
})

/** The same bits, any NaN for any other. */
function sameNumbers(bytes: Uint8Array, expected: Uint8Array): boolean {
  const [a, b] = [bytes, expected].map((some) => new Float32Array(Uint8Array.from(some).buffer))
  return a!.length === b!.length && a!.every((number, i) => Object.is(number, b![i]))
}
