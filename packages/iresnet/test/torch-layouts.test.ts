import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPythons, seededRandom } from '@facekit/testing'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildIresnet, loadIresnet, openStateDict } from '../src/index.js'

const INPUTS = fileURLToPath(new URL('../../../../shared/fixtures/inputs/', import.meta.url))

const torches = await findPythons(
  'torch',
  'import torch, base64, pathlib\nimport torch.nn.functional as F\nimport numpy as np',
)
afterAll(() => torches.forEach((torch) => torch.close()))
if (torches.length === 0)
  it.skip('needs a Python with PyTorch: none was found, so PyTorch’s results are NOT tested')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-layouts-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** An iresnet of the ArcFace dialect by PyTorch's functions; what has no tensors is left out. */
const TRUTH = `
def iresnet(sd, x, eps):
    def bn(n, x):
        if n + '.running_mean' not in sd: return x
        return F.batch_norm(x, sd[n + '.running_mean'], sd[n + '.running_var'], sd.get(n + '.weight'), sd.get(n + '.bias'), eps=eps)
    def conv(n, x, s=1, p=1): return F.conv2d(x, sd[n + '.weight'], sd.get(n + '.bias'), s, p)
    def act(n, x): return F.prelu(x, sd[n + '.weight'])
    x = act('prelu', bn('bn1', conv('conv1', x)))
    for stage in range(1, 5):
        block = 0
        while f'layer{stage}.{block}.conv1.weight' in sd:
            at, s = f'layer{stage}.{block}', 2 if block == 0 else 1
            y = act(at + '.prelu', bn(at + '.bn2', conv(at + '.conv1', bn(at + '.bn1', x))))
            y = bn(at + '.bn3', conv(at + '.conv2', y, s))
            x = y + (bn(at + '.downsample.1', conv(at + '.downsample.0', x, s, 0)) if block == 0 else x)
            block += 1
    return bn('features', F.linear(bn('bn2', x).flatten(1), sd['fc.weight'], sd.get('fc.bias')))

def answer(sd, pixels, eps=1e-5):
    x = torch.frombuffer(bytearray(base64.b64decode(pixels)), dtype=torch.uint8).view(-1, 112, 112, 3).permute(0, 3, 1, 2)
    sd = {k: v.double() for k, v in sd.items()}
    y = iresnet(sd, (x.double() / 255 - 0.5) / 0.5, eps).float()
    print(json.dumps(base64.b64encode(y.contiguous().numpy().tobytes()).decode()))

def random_weights():
    g = torch.Generator().manual_seed(5)
    r = lambda *shape: torch.rand(*shape, generator=g)
    sd, w = {}, [6, 6, 8, 10, 12]
    def bn(n, c): sd.update({n + '.weight': r(c) + .5, n + '.bias': r(c) - .5, n + '.running_mean': r(c) - .5, n + '.running_var': r(c) + .5})
    def conv(n, o, i, k): sd[n + '.weight'] = (r(o, i, k, k) - .5) * 3 / (i * k * k) ** .5
    conv('conv1', w[0], 3, 3); bn('bn1', w[0]); sd['prelu.weight'] = r(w[0]) / 2
    for stage in range(4):
        for block in range(2):
            at, i, o = f'layer{stage + 1}.{block}', w[stage + (block > 0)], w[stage + 1]
            bn(at + '.bn1', i); conv(at + '.conv1', o, i, 3); bn(at + '.bn2', o); sd[at + '.prelu.weight'] = r(o) / 2
            conv(at + '.conv2', o, o, 3); bn(at + '.bn3', o)
            if block == 0: conv(at + '.downsample.0', o, i, 1); bn(at + '.downsample.1', o)
    bn('bn2', w[4]); sd['fc.weight'] = (r(16, w[4] * 49) - .5) / 10; sd['fc.bias'] = r(16) - .5; bn('features', 16)
    return sd
`

/** Reads a safetensors file, whose tensors are float32 or counters. */
const SAFETENSORS = `
data = pathlib.Path(sys.argv[1]).read_bytes()
start = 8 + int.from_bytes(data[:8], 'little')
entries = {k: v for k, v in json.loads(data[8:start]).items() if v.get('dtype') == 'F32'}
sd = {k: torch.frombuffer(bytearray(data[start + v['data_offsets'][0]:start + v['data_offsets'][1]]), dtype=torch.float32).view(v['shape']) for k, v in entries.items()}`

/** Writes `sd` as safetensors does. */
const SAVE_SAFETENSORS = `
header, parts, at = {'__metadata__': {'format': 'pt'}}, [], 0
for k, v in sd.items():
    name, bits = {torch.float32: ('F32', torch.int32), torch.float16: ('F16', torch.int16), torch.bfloat16: ('BF16', torch.int16), torch.float64: ('F64', torch.int64)}[v.dtype]
    parts.append(v.contiguous().view(bits).numpy().tobytes())
    header[k] = dict(dtype=name, shape=list(v.shape), data_offsets=[at, at + len(parts[-1])])
    at += len(parts[-1])
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
pathlib.Path(sys.argv[1]).write_bytes(len(text).to_bytes(8, 'little') + text + b''.join(parts))`

/** What turns random weights `sd` into a layout that people have. */
const VARIANTS: [string, string][] = [
  ['as they are', ''],
  ['without the last norm', `sd = {k: v for k, v in sd.items() if not k.startswith('features.')}`],
  ['with a last norm without affine part', `del sd['features.weight'], sd['features.bias']`],
  ['without a bias of the linear layer', `del sd['fc.bias']`],
  [
    'with norms folded into convolutions',
    `
for name in [k[:-7] for k in list(sd) if k.endswith('.weight') and sd[k].dim() == 4]:
    norm = name.replace('downsample.0', 'downsample.1').replace('conv2', 'bn3')
    norm = norm.replace('conv1', 'bn2') if norm.startswith('layer') else norm.replace('conv1', 'bn1')
    weight, bias, mean, var = [sd.pop(f'{norm}.{part}').double() for part in ['weight', 'bias', 'running_mean', 'running_var']]
    scale = weight / (var + 1e-5).sqrt()
    sd[name + '.weight'] = (sd[name + '.weight'] * scale[:, None, None, None]).float()
    sd[name + '.bias'] = (bias - mean * scale).float()`,
  ],
  [
    'with biases beside norms',
    `
for name in [k for k in list(sd) if k.endswith('.weight') and sd[k].dim() == 4]: sd[name.replace('weight', 'bias')] = torch.rand(len(sd[name])) - .5`,
  ],
  ['in bfloat16', `sd = {k: v.bfloat16() for k, v in sd.items()}`],
  [
    'in one storage, not contiguous',
    `
flat, at = torch.cat([v.transpose(0, -1).flatten() for v in sd.values()]), 0
for k, v in list(sd.items()):
    t = v.transpose(0, -1)
    sd[k], at = flat[at:at + v.numel()].view(t.shape).transpose(0, -1), at + v.numel()`,
  ],
]

const ROWS = 2
const random = seededRandom(11)
const pixels = Uint8Array.from({ length: ROWS * 112 * 112 * 3 }, () => 256 * random())
const PIXELS = Buffer.from(pixels).toString('base64')

function decode(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
}

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b)
}

async function expectTruth(path: string, truth: string): Promise<string[]> {
  const stateDict = await openStateDict(path)
  const notes: string[] = []
  const onNote = (line: string) => notes.push(line)
  const network = await loadIresnet(stateDict, { onNote }).finally(async () => stateDict.close())
  for (const fold of [true, false]) {
    const session = await InferenceSession.create(buildIresnet(network, { fold }), { logSeverityLevel: 3 })
    const { embedding } = await session.run({ pixels: new Tensor('uint8', pixels, [ROWS, 112, 112, 3]) })
    expect(relativeError(embedding!.data as Float32Array, decode(truth))).toBeLessThan(2e-6)
  }
  return notes
}

/** Files of what people have, and what turns one into names and tensors of the dialect, as `sd`. */
const FILES: [string, string, string][] = [
  [
    'magface_pub.pth',
    `eps = 2e-5\nsd = {k[16:]: v for k, v in torch.load(sys.argv[1])['state_dict'].items() if k.startswith('features.module.')}`,
    'module.fc.weight',
  ],
  ['w.pth', `sd = torch.load(sys.argv[1])\ndel sd['weight']`, 'weight'],
  ['model.safetensors', SAFETENSORS, ''],
]

describe.each(torches.map((torch) => [torch.version, torch] as const))('PyTorch %s', (version, torch) => {
  it.each(VARIANTS)('is met by weights %s', async (what, change) => {
    const path = join(folder, `${version}-${what}.pth`)
    const truth = await torch.run<string>(
      `${TRUTH}\nsd = random_weights()\n${change}\ntorch.save(sd, sys.argv[1])\nanswer(sd, sys.argv[2])`,
      path,
      PIXELS,
    )
    await expectTruth(path, truth)
  })

  it.each(['float32', 'float64', 'float16', 'bfloat16'])('is met by safetensors of %s', async (dtype) => {
    const path = join(folder, `${version}-${dtype}.safetensors`)
    const truth = await torch.run<string>(
      `${TRUTH}\nsd = {k: v.to(torch.${dtype}) for k, v in random_weights().items()}\n${SAVE_SAFETENSORS}\nanswer(sd, sys.argv[2])`,
      path,
      PIXELS,
    )
    await expectTruth(path, truth)
  })

  it.skipIf(!existsSync(INPUTS)).each(FILES)('is met by %s', async (file, script, leftOut) => {
    const path = join(INPUTS, file)
    const truth = await torch.run<string>(
      `${TRUTH}\neps = 1e-5\n${script}\nanswer(sd, sys.argv[2], eps)`,
      path,
      PIXELS,
    )
    const notes = await expectTruth(path, truth)
    expect(notes.join('\n')).toMatch(new RegExp(`${leftOut}$`))
  })
})
