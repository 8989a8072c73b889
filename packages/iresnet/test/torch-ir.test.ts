import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPythons, rounds, seededRandom } from '@facekit/testing'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  buildIresnet,
  loadIresnet,
  openStateDict,
  type BuildIresnetOptions,
  type Network,
} from '../src/index.js'
import { decodeFloats, relativeError } from './torch-truth.js'

const torches = await findPythons('torch', 'import torch, base64\nimport torch.nn as nn')
afterAll(() => torches.forEach((torch) => torch.close()))
if (torches.length === 0)
  it.skip('needs a Python with PyTorch: none was found, so PyTorch’s results are NOT tested')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-ir-'))
})
afterAll(() => rm(folder, { recursive: true }))

/**
 * The IR family in the order of operations of its authors, and iresnets with se_block; the truth is computed in float64.
 * What a residual ends in is scaled down, so that sums over many blocks stay in range.
 */
const MODELS = `
class SE(nn.Module):
    def __init__(self, c, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(c, inner, 1, bias=False), nn.Conv2d(inner, c, 1, bias=False)
    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(nn.functional.adaptive_avg_pool2d(x, 1)))))

def residual(form, i, o, s):
    conv = lambda i, o, k, s=1: nn.Conv2d(i, o, k, s, k // 2, bias=False)
    if form == 'a': return [nn.BatchNorm2d(i), conv(i, o, 3), nn.PReLU(o), conv(o, o, 3, s), nn.BatchNorm2d(o)]
    if form == 'b': return [nn.BatchNorm2d(i), conv(i, o, 3), nn.BatchNorm2d(o), nn.PReLU(o), conv(o, o, 3, s), nn.BatchNorm2d(o)]
    r = o // 4
    return [nn.BatchNorm2d(i), conv(i, r, 1), nn.BatchNorm2d(r), nn.PReLU(r), conv(r, r, 3), nn.BatchNorm2d(r), nn.PReLU(r), conv(r, o, 1, s), nn.BatchNorm2d(o)]

class Block(nn.Module):
    def __init__(self, form, i, o, s, se):
        super().__init__()
        self.res_layer = nn.Sequential(*residual(form, i, o, s))
        if se: self.res_layer.add_module('5' if form == 'a' else 'se_block', SE(o, max(1, o // se)))
        self.shortcut_layer = nn.MaxPool2d(1, s) if i == o else nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o))
    def forward(self, x):
        return self.res_layer(x) + self.shortcut_layer(x)

class IR(nn.Module):
    def __init__(self, form, depths, w, se, dim, cells):
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, w[0], 3, 1, 1, bias=False), nn.BatchNorm2d(w[0]), nn.PReLU(w[0]))
        self.body = nn.Sequential(*[Block(form, w[i] if j == 0 else w[i + 1], w[i + 1], 2 if j == 0 else 1, se) for i in range(4) for j in range(depths[i])])
        self.output_layer = nn.Sequential(nn.BatchNorm2d(w[4]), nn.Dropout(), nn.Flatten(), nn.Linear(w[4] * cells, dim), nn.BatchNorm1d(dim, affine=form == 'a'))
    def forward(self, x):
        x = self.body(self.input_layer(x))
        return self.output_layer(x), self.output_layer[:3](x)

class IBlock(nn.Module):
    def __init__(self, i, o, s, se):
        super().__init__()
        self.bn1, self.conv1, self.bn2, self.prelu = nn.BatchNorm2d(i), nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.PReLU(o)
        self.conv2, self.bn3, self.se_block = nn.Conv2d(o, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), SE(o, max(1, o // se))
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)) if s > 1 or i != o else nn.Identity()
    def forward(self, x):
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.se_block(self.bn3(self.conv2(y))) + self.downsample(x)

class Elastic(nn.Module):
    def __init__(self, depths, w, se, dim, cells):
        super().__init__()
        self.conv1, self.bn1, self.prelu = nn.Conv2d(3, w[0], 3, 1, 1, bias=False), nn.BatchNorm2d(w[0]), nn.PReLU(w[0])
        for i in range(4):
            setattr(self, f'layer{i + 1}', nn.Sequential(*[IBlock(w[i] if j == 0 else w[i + 1], w[i + 1], 2 if j == 0 else 1, se) for j in range(depths[i])]))
        self.bn2, self.fc, self.features = nn.BatchNorm2d(w[4]), nn.Linear(w[4] * cells, dim), nn.BatchNorm1d(dim)
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        for i in range(4): x = getattr(self, f'layer{i + 1}')(x)
        x = self.bn2(x).flatten(1)
        return self.features(self.fc(x)), x

def base(x): return base64.b64encode(x.contiguous().float().numpy().tobytes()).decode()

def compute(model, width, height, pixels):
    x = torch.frombuffer(bytearray(base64.b64decode(pixels)), dtype=torch.uint8).view(-1, height, width, 3).permute(0, 3, 1, 2)
    with torch.no_grad(): embedding, features = model.double().eval()((x.double() / 255 - 0.5) / 0.5)
    print(json.dumps(dict(embedding=base(embedding), features=base(features.flatten(1)))))

def answer(form, depths, widths, se, dim, width, height, path, pixels):
    torch.manual_seed(5)
    cells = -(-width // 16) * -(-height // 16)
    model = Elastic(depths, widths, se, dim, cells) if form == 'elastic' else IR(form, depths, widths, se, dim, cells)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d): nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.PReLU): nn.init.uniform_(module.weight, 0, 0.5)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
    for block in model.modules():
        if isinstance(block, Block): norm = [layer for layer in block.res_layer if isinstance(layer, nn.BatchNorm2d)][-1]
        elif isinstance(block, IBlock): norm = block.bn3
        else: continue
        nn.init.uniform_(norm.weight, 0.1, 0.4)
    torch.save(model.state_dict(), path)
    compute(model, width, height, pixels)

def answer_of(form, se, path, pixels):
    weights = torch.load(path)
    weights = weights.get('state_dict', weights)
    weights = {name.replace('model.', ''): tensor for name, tensor in weights.items() if name != 'head.kernel'}
    model = IR(form, [2, 2, 2, 2], [8, 8, 12, 16, 16], se, 32, 49)
    model.load_state_dict(weights)
    compute(model, 112, 112, pixels)
`

interface Truth {
  embedding: string
  features: string
}

const ROWS = 2
const OUTPUTS = ['embedding', 'features'] as const

function randomPixels(width: number, height: number): Uint8Array {
  const random = seededRandom(width)
  return Uint8Array.from({ length: ROWS * width * height * 3 }, () => 256 * random())
}

async function load(path: string, size: { width: number; height: number }): Promise<Network> {
  const stateDict = await openStateDict(path)
  const network = await loadIresnet(stateDict, { size })
  await stateDict.close()
  return network
}

/** The largest error of what a network gives. */
async function errorOf(network: Network, options: BuildIresnetOptions, pixels: Uint8Array, truth: Truth) {
  const model = buildIresnet(network, { ...options, outputs: OUTPUTS })
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 })
  const { height, width } = network
  const results = await session.run({ pixels: new Tensor('uint8', pixels, [ROWS, height, width, 3]) })
  return Math.max(
    ...OUTPUTS.map((name) => relativeError(results[name]!.data as Float32Array, decodeFloats(truth[name]))),
  )
}

const NARROW = [8, 8, 12, 16, 20]
const FULL = [64, 64, 128, 256, 512]
/** Networks of many layers are narrow here, and as wide as they are published in the long run. */
const WIDTHS = rounds(1, 2) === 1 ? [NARROW] : [NARROW, FULL]

/** What the tensors are called, blocks of each stage, what squeezing divides the channels by. */
const NETWORKS: Record<string, [form: string, depths: number[], se: number]> = {
  'IR-18': ['a', [2, 2, 2, 2], 0],
  'IR-50': ['a', [3, 4, 14, 3], 0],
  'IR-SE-50': ['a', [3, 4, 14, 3], 16],
  'IR-18 of AdaFace': ['b', [2, 2, 2, 2], 0],
  'IR-50 of AdaFace': ['b', [3, 4, 14, 3], 0],
  'IR-101 of AdaFace': ['b', [3, 13, 30, 3], 0],
  'IR-SE-50 of TFace': ['b', [3, 4, 14, 3], 16],
  'iresnet50 with se_block': ['elastic', [3, 4, 14, 3], 16],
}

const CONTRACT = { width: 112, height: 112 }
const FIXTURES = fileURLToPath(new URL('../../../../shared/fixtures/inputs/', import.meta.url))

describe.each(torches.map((torch) => [torch.version, torch] as const))('PyTorch %s', (_version, torch) => {
  const answer = async (
    [form, depths, se]: (typeof NETWORKS)[string],
    widths: readonly number[],
    { width, height } = CONTRACT,
  ) => {
    const pixels = randomPixels(width, height)
    const path = join(folder, 'model.pth')
    const dim = widths === FULL ? 512 : 32
    const truth = await torch.run<Truth>(
      `${MODELS}\nanswer('${form}', ${JSON.stringify(depths)}, ${JSON.stringify(widths)}, ${se}, ${dim}, ${width}, ${height}, *sys.argv[1:])`,
      path,
      Buffer.from(pixels).toString('base64'),
    )
    return { pixels, truth, network: await load(path, { width, height }) }
  }

  const expectMet = async ({ network, pixels, truth }: Awaited<ReturnType<typeof answer>>) => {
    expect(await errorOf(network, {}, pixels, truth)).toBeLessThan(2e-6)
    expect(await errorOf(network, { fold: false }, pixels, truth)).toBeLessThan(2e-6)
    expect(await errorOf(network, { precision: 'fp16' }, pixels, truth)).toBeLessThan(3e-3)
  }

  describe.each(WIDTHS.map((widths) => [widths]))('with widths %j', (widths) => {
    it.each(Object.entries(NETWORKS))('is met: %s', { timeout: 600_000 }, async (_name, shape) => {
      const answered = await answer(shape, widths)
      expect(answered.network.depths).toEqual(shape[1])
      await expectMet(answered)
    })
  })

  it.each([
    ['odd maps', ['a', [2, 2, 2, 2], 0], NARROW, 97, 103],
    ['no stage that changes the channels', ['b', [2, 2, 2, 2], 4], [12, 12, 12, 12, 12], 112, 112],
    ['three convolutions a block', ['bottleneck', [3, 8, 36, 3], 0], [8, 16, 24, 32, 40], 112, 96],
    [
      'three convolutions and a squeeze-and-excitation a block',
      ['bottleneck', [3, 24, 36, 3], 4],
      [8, 16, 24, 32, 40],
      112,
      112,
    ],
    ['depths that nobody has published', ['a', [1, 2, 1, 3], 4], [4, 8, 12, 16, 20], 224, 224],
  ] as const)('is met with %s', async (_what, [form, depths, se], widths, width, height) => {
    const answered = await answer([form, [...depths], se], widths, { width, height })
    expect(answered.network.depths).toEqual(depths)
    await expectMet(answered)
  })

  describe.skipIf(!existsSync(FIXTURES))('is met by files of', () => {
    it.each([
      ['InsightFace_Pytorch', 'model_ir_se50.pth', 'a', 4, 'ir'],
      ['AdaFace', 'adaface_ir50_ms1mv2.ckpt', 'b', 0, 'adaface'],
    ])('%s', async (_whose, file, form, se, dialect) => {
      const { width, height } = CONTRACT
      const pixels = randomPixels(width, height)
      const path = join(FIXTURES, file)
      const script = `${MODELS}\nanswer_of('${form}', ${se}, *sys.argv[1:])`
      const truth = await torch.run<Truth>(script, path, Buffer.from(pixels).toString('base64'))
      const network = await load(path, CONTRACT)
      expect(network).toMatchObject({ dialect, depths: [2, 2, 2, 2] })
      await expectMet({ network, pixels, truth })
    })
  })
})
