import { IresnetError } from '../errors.js'
import { LayerReader } from '../layer-reader.js'
import type { Block } from '../network.js'
import type { TensorReader } from '../tensor-reader.js'
import type { StateDict } from '../torch-file/state-dict.js'
import type { Backbone, Dialect } from './dialect.js'

/** `input_layer`, `body`, `output_layer`: blocks are numbered through all stages, and their layers are numbered. */
export const IR: Dialect = {
  mark: 'input_layer.0.weight',
  read: readIr,
  head: { featuresNorm: 'output_layer.0', linear: 'output_layer.3', embeddingNorm: 'output_layer.4' },
}

/** What a block computes beside its shortcut: norms, PReLUs, and convolutions by their kernels. */
interface Residual {
  dialect: 'ir' | 'adaface'
  layers: readonly ('norm' | 'prelu' | 1 | 3)[]
  /** What the squeeze-and-excitation after them is called, where there is one: in an IR-SE. */
  excitation: string
}

/** InsightFace_Pytorch, face.evoLVe, CurricularFace. */
const PLAIN: Residual = { dialect: 'ir', layers: ['norm', 3, 'prelu', 3, 'norm'], excitation: '5' }

/** TFace, AdaFace, CVLface. */
const NORMED: Residual = {
  dialect: 'adaface',
  layers: ['norm', 3, 'norm', 'prelu', 3, 'norm'],
  excitation: 'se_block',
}

/** The same, of 152 and 200 layers. */
const BOTTLENECK: Residual = {
  dialect: 'adaface',
  layers: ['norm', 1, 'norm', 'prelu', 3, 'norm', 'prelu', 1, 'norm'],
  excitation: 'se_block',
}

async function readIr(reader: TensorReader, stateDict: StateDict): Promise<Backbone> {
  const { tensors } = stateDict
  const stem = new LayerReader(reader, 3)
  await stem.conv('input_layer.0', 3)
  await stem.norm('input_layer.1')
  await stem.prelu('input_layer.2')

  const kind =
    [BOTTLENECK, NORMED].find(({ layers }) => tensors.has(`body.0.res_layer.${layers.length - 1}.weight`)) ??
    PLAIN
  const depths = depthsOf(reader, stateDict, kind)
  const blocks: Block[] = []
  let { channels } = stem
  for (const depth of depths) {
    for (let i = 0; i < depth; i++) {
      const at = `body.${blocks.length}`
      const stride = i === 0 ? 2 : 1
      const residual = await readResidual(reader, `${at}.res_layer`, kind, channels, stride)
      const excitation = `${at}.res_layer.${kind.excitation}`
      if (tensors.has(`${excitation}.fc1.weight`)) await residual.squeezeExcitation(excitation)

      const shortcut = new LayerReader(reader, channels)
      if (residual.channels !== channels) {
        await shortcut.conv(`${at}.shortcut_layer.0`, 1, stride)
        await shortcut.norm(`${at}.shortcut_layer.1`)
      } else if (stride > 1) shortcut.pool(1)
      blocks.push({ residual: residual.layers, shortcut: shortcut.layers })
      channels = residual.channels
    }
  }
  return { dialect: kind.dialect, depths, stem: stem.layers, blocks, channels }
}

/** The last convolution has the stride. */
async function readResidual(
  reader: TensorReader,
  at: string,
  { layers }: Residual,
  channels: number,
  stride: number,
): Promise<LayerReader> {
  const residual = new LayerReader(reader, channels)
  const last = layers.findLastIndex((layer) => typeof layer === 'number')
  for (const [i, layer] of layers.entries()) {
    const name = `${at}.${i}`
    if (layer === 'norm') await residual.norm(name)
    else if (layer === 'prelu') await residual.prelu(name)
    else await residual.conv(name, layer, i === last ? stride : 1)
  }
  return residual
}

/** Of the networks that are published: of 18, 34, 50, 100, 152, 185 and 200 layers, and another one of 200. */
const DEPTHS = [
  [2, 2, 2, 2],
  [3, 4, 6, 3],
  [3, 4, 14, 3],
  [3, 13, 30, 3],
  [3, 8, 36, 3],
  [3, 22, 33, 3],
  [3, 24, 36, 3],
  [6, 21, 66, 6],
]

const STAGES = 4
const IN_BLOCK = /^body\.(\d{1,4})\./

/**
 * Blocks of each stage. A stage begins where the channels change. Where it does not change them, no tensor shows its
 * stride, and the number of blocks tells which network it is.
 */
function depthsOf(
  reader: TensorReader,
  { tensors, source }: StateDict,
  { layers }: Residual,
): readonly number[] {
  let blocks = 1
  for (const name of tensors.keys()) blocks = Math.max(blocks, Number(IN_BLOCK.exec(name)?.[1] ?? 0) + 1)
  const shown: number[] = []
  for (let block = 0; block < blocks; block++) {
    const channels = (layer: number) => reader.shapeOf(`body.${block}.res_layer.${layer}.weight`, 1)[0]
    if (block === 0 || channels(0) !== channels(layers.length - 1)) shown.push(block)
  }
  if (shown.length === STAGES) return shown.map((start, i) => (shown[i + 1] ?? blocks) - start)
  const published = DEPTHS.find((depths) => {
    const starts = startsOf(depths)
    return starts.at(-1) === blocks && shown.every((start) => starts.includes(start))
  })
  if (published) return published
  throw new IresnetError(
    'IRESNET_TENSORS',
    `Expected an IR network of ${STAGES} stages in ${source} but the channels change in ${shown.length - 1} of its ${blocks} blocks, and no tensor tells where else a stage begins`,
  )
}

/** The first block of each stage, and of the one that would come after them. */
function startsOf(depths: readonly number[]): number[] {
  let start = 0
  return [0, ...depths.map((depth) => (start += depth))]
}
