// Images per second of an iresnet50 by each way of writing it, and what part of the machine's own matrix product that
// is. Every session runs on one thread, as many at once as there are cores, as the embedder has it. `npm run bench`
import { buildIresnet, calibrationModel, loadIresnet } from '@facekit/iresnet'
import { buildModel } from '@facekit/onnx'
import { compare, DEPTHS, randomWeights, seededRandom } from '@facekit/testing'
import { startSessions } from './sessions.mjs'

const BATCH = 4
const GEMM = 1024
const random = seededRandom(2)
const pixels = Uint8Array.from({ length: BATCH * 112 * 112 * 3 }, () => 256 * random())

const network = await loadIresnet(
  randomWeights({ depths: DEPTHS[50], widths: [64, 64, 128, 256, 512], dim: 512 }),
)
const gflop = (2 * multiplications(network) * BATCH) / 1e9

const calibration = calibrationModel(network)
const measuring = await startSessions(calibration.model, 1)
const ranges = calibration.rangesOf(await measuring.run(pixels, [BATCH, 112, 112, 3]))
await measuring.close()

const product = buildModel({
  name: 'product',
  inputs: ['a', 'b'].map((name) => ({ name, elementType: 'float32', shape: [GEMM, GEMM] })),
  outputs: [{ name: 'c', elementType: 'float32', shape: [GEMM, GEMM] }],
  nodes: [{ opType: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
  initializers: [],
})
/** @type {[string, Uint8Array][]} */
const models = [
  ['as PyTorch has it', buildIresnet(network, { fold: false })],
  ['folded', buildIresnet(network)],
  ['int8', buildIresnet(network, { precision: 'int8', ranges })],
]
const gemm = await startSessions(product)
const square = Float32Array.from({ length: GEMM * GEMM }, random)
/** @type {{ name: string, run: () => unknown, per: Record<string, number> }[]} */
const cases = [
  {
    name: 'matrix product',
    run: () => gemm.run(square, [GEMM, GEMM]),
    per: { GFLOP: (gemm.count * 2 * GEMM ** 3) / 1e9 },
  },
]
for (const [name, model] of models) {
  const sessions = await startSessions(model)
  cases.push({
    name,
    run: () => sessions.run(pixels, [BATCH, 112, 112, 3]),
    per: { images: BATCH * sessions.count, GFLOP: gflop * sessions.count },
  })
}
const seconds = await compare(`iresnet50, ${gemm.count} sessions of one thread, batch ${BATCH}`, cases, {
  repeats: 9,
})
const rates = cases.map(({ per }, i) => per.GFLOP / seconds[i])
const [peak, plain, folded, int8] = rates
console.log(
  `  of the matrix product's rate: ${models.map(([name], i) => `${name} ${(rates[i + 1] / peak).toFixed(2)}`).join(', ')}`,
)
console.log(
  `  folded / as PyTorch has it: ${(folded / plain).toFixed(3)}; int8 / folded: ${(int8 / folded).toFixed(2)}`,
)
process.exit()

/** @param {import('@facekit/iresnet').Network} network */
function multiplications({ stem, blocks, head, height, width }) {
  /** @type {(layers: import('@facekit/iresnet').Network['stem'], cells: number) => { cells: number, sum: number }} */
  const through = (layers, cells) => {
    let sum = 0
    for (const layer of layers) {
      if ('pool' in layer) cells /= 4
      if (!('conv' in layer)) continue
      cells /= layer.conv.stride ** 2
      sum += cells * layer.conv.weights.length
    }
    return { cells, sum }
  }
  let { cells, sum } = through(stem, height * width)
  for (const { residual, shortcut } of blocks) {
    const inner = through(residual, cells)
    sum += inner.sum + through(shortcut, cells).sum
    cells = inner.cells
  }
  return sum + head.weights.length
}
