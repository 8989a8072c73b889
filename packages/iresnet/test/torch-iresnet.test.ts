import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPythons, seededRandom } from '@facekit/testing'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildIresnet, loadIresnet, openStateDict } from '../src/index.js'
import { decodeFloats, relativeError } from './torch-truth.js'

const torches = await findPythons('torch', 'import torch, base64\nimport torch.nn as nn')
afterAll(() => torches.forEach((torch) => torch.close()))
if (torches.length === 0)
  it.skip('needs a Python with PyTorch: none was found, so PyTorch’s results are NOT tested')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facekit-iresnet-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Both dialects as training code has them; norms of small variances, where epsilon tells. */
const MODELS = `
class Block(nn.Module):
    def __init__(self, i, o, s, eps, revised):
        super().__init__()
        norm = lambda c: nn.BatchNorm2d(c, eps=eps)
        self.bn1, self.conv1, self.bn2 = norm(i), nn.Conv2d(i, o, 3, 1, 1, bias=False), norm(o)
        setattr(self, 'act1' if revised else 'prelu', nn.PReLU(o))
        self.conv2, self.bn3 = nn.Conv2d(o, o, 3, s, 1, bias=False), norm(o)
        if s == 1 and i == o: around = None
        elif revised: around = nn.Sequential(norm(i), nn.AvgPool2d(2, s, ceil_mode=True), nn.Conv2d(i, o, 1, bias=False), norm(o))
        else: around = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), norm(o))
        setattr(self, 'shortcut' if revised else 'downsample', around)
    def forward(self, x):
        act = self.act1 if hasattr(self, 'act1') else self.prelu
        around = self.shortcut if hasattr(self, 'act1') else self.downsample
        y = self.bn3(self.conv2(act(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if around is None else around(x))

class Revised(nn.Module):
    def __init__(self, eps, cells):
        super().__init__()
        w = [4, 4, 6, 8, 8]
        self.stem = nn.Sequential(nn.Conv2d(3, w[0], 3, 1, 1, bias=False), nn.BatchNorm2d(w[0], eps=eps), nn.PReLU(w[0]))
        self.body = nn.Sequential(*[nn.Sequential(Block(w[i], w[i + 1], 2, eps, True), Block(w[i + 1], w[i + 1], 1, eps, True)) for i in range(4)])
        self.head = nn.Sequential(nn.BatchNorm2d(w[4], eps=eps), nn.Flatten(), nn.Dropout(), nn.Linear(w[4] * cells, 16), nn.BatchNorm1d(16, eps=eps))
    def forward(self, x):
        features = self.head[1](self.head[0](self.body(self.stem(x))))
        return self.head[4](self.head[3](features)), features

class ArcFace(nn.Module):
    def __init__(self, eps, cells):
        super().__init__()
        w = [4, 4, 6, 8, 8]
        self.conv1, self.bn1, self.prelu = nn.Conv2d(3, w[0], 3, 1, 1, bias=False), nn.BatchNorm2d(w[0], eps=eps), nn.PReLU(w[0])
        for i in range(4):
            setattr(self, f'layer{i + 1}', nn.Sequential(Block(w[i], w[i + 1], 2, eps, False), Block(w[i + 1], w[i + 1], 1, eps, False)))
        self.bn2, self.fc, self.features = nn.BatchNorm2d(w[4], eps=eps), nn.Linear(w[4] * cells, 16), nn.BatchNorm1d(16, eps=eps)
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        for i in range(4): x = getattr(self, f'layer{i + 1}')(x)
        features = self.bn2(x).flatten(1)
        return self.features(self.fc(features)), features

def base(x): return base64.b64encode(x.contiguous().numpy().tobytes()).decode()

def answer(dialect, eps, width, height, cells, path, pixels):
    torch.manual_seed(3)
    model = dict(revised=Revised, arcface=ArcFace)[dialect](eps, cells)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(1e-5, 1e-4)
            nn.init.uniform_(module.weight, 0.005, 0.01)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    torch.save(model.state_dict(), path)
    x = torch.frombuffer(bytearray(base64.b64decode(pixels)), dtype=torch.uint8).view(-1, height, width, 3).permute(0, 3, 1, 2)
    with torch.no_grad(): embedding, features = model.eval()((x.float() / 255 - 0.5) / 0.5)
    print(json.dumps(dict(embedding=base(embedding), features=base(features))))
`

const ROWS = 2

describe.each(torches.map((torch) => [torch.version, torch] as const))('PyTorch %s', (_version, torch) => {
  describe.each(['revised', 'arcface'])('%s', (dialect) => {
    it.each([
      [1e-5, 112, 112],
      [2e-5, 112, 112],
      [1e-3, 97, 103],
      [1e-5, 120, 120],
      [2e-5, 96, 112],
      [1e-5, 113, 81],
    ])('with epsilon %f and pictures of %i×%i is met', async (epsilon, width, height) => {
      const random = seededRandom(width)
      const pixels = Uint8Array.from({ length: ROWS * width * height * 3 }, () => 256 * random())
      const path = join(folder, `${dialect}-${epsilon}-${width}.pth`)
      const cells = Math.ceil(width / 16) * Math.ceil(height / 16)
      const truth = await torch.run<{ embedding: string; features: string }>(
        `${MODELS}\nanswer('${dialect}', ${epsilon}, ${width}, ${height}, ${cells}, *sys.argv[1:])`,
        path,
        Buffer.from(pixels).toString('base64'),
      )
      const stateDict = await openStateDict(path)
      const network = await loadIresnet(stateDict, { epsilon, size: { width, height } })
      await stateDict.close()
      for (const fold of [true, false]) {
        const model = buildIresnet(network, { fold, outputs: ['embedding', 'features'] })
        const session = await InferenceSession.create(model, { logSeverityLevel: 3 })
        const results = await session.run({ pixels: new Tensor('uint8', pixels, [ROWS, height, width, 3]) })
        for (const name of ['embedding', 'features'] as const) {
          expect(
            relativeError(results[name]!.data as Float32Array, decodeFloats(truth[name])),
            name,
          ).toBeLessThan(1e-5)
        }
      }
    })
  })
})
