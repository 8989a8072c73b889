// Images per second of facekit extract from files to files, beside a bare session on ready-made tensors with the same
// model, batch and threads. `npm run bench`
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compare, seededRandom } from '@facekit/testing'
import { extract } from 'facekit'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { convolutions } from '../../embedder/bench/model.mjs'

// What --batch-size auto takes.
const BATCH = 4
const threads = availableParallelism()
const folder = await mkdtemp(join(tmpdir(), 'facekit-bench-'))
const BIN = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.url))
const silent = { info() {}, warn() {}, progress() {} }

/** @param {number} count */
async function drawCrops(count) {
  const album = join(folder, `crops-${count}`)
  await mkdir(album)
  for (let i = 0; i < count; i++) {
    const random = seededRandom(i)
    const pixels = Buffer.from(
      Array.from({ length: 112 * 112 * 3 }, (_, at) => 128 + 90 * Math.sin(at / 50) + 24 * random()),
    )
    await sharp(pixels, { raw: { width: 112, height: 112, channels: 3 } })
      .jpeg()
      .toFile(join(album, `${i}.jpg`))
  }
  return album
}

/**
 * @param {string} model
 * @param {string} title
 * @param {number} count
 * @param {number} repeats
 */
async function compareWith(model, title, count, repeats) {
  const album = await drawCrops(count)
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads })
  const tensor = new Tensor('float32', new Float32Array(BATCH * 3 * 112 * 112), [BATCH, 3, 112, 112])
  const name = session.inputNames[0] ?? ''
  /** @type {import('facekit').ExtractOptions} */
  const options = {
    input: album,
    output: join(folder, 'embeddings'),
    weights: model,
    batchSize: BATCH,
    numWorkers: 'auto',
    useL2Norm: true,
    mergeEmbs: true,
    cache: false,
    device: { provider: 'cpu' },
    splitThreshold: 1_000_000,
    channels: 'rgb',
  }
  /** @type {number[]} */
  const rates = []
  const per = { images: count }
  const medians = await compare(
    `${title}: ${count} crops, batch ${BATCH}, ${threads} threads`,
    [
      {
        name: 'bare session, ready-made tensors',
        run: async () => {
          for (let at = 0; at < count; at += BATCH) await session.run({ [name]: tensor })
        },
        per,
      },
      {
        name: 'facekit extract, files to files, start included',
        run: async () => rates.push((await extract(options, silent)).imagesPerSecond),
        per,
      },
    ],
    { repeats },
  )
  const running = rates.slice(1).toSorted((a, b) => a - b)[Math.floor(repeats / 2)]
  console.log(
    `  without loading the model: ${Math.round(running)} images/s, ${((running * medians[0]) / count).toFixed(2)} × the first`,
  )
}

/**
 * What recording progress costs: by the program, since it reads the interval when it starts. Once in a second is twenty
 * times as often as it is done.
 */
async function compareRecording() {
  const [crops, lines] = [320, 1600]
  const album = join(folder, `crops-${crops}`)
  const list = join(folder, 'list.txt')
  const model = join(folder, 'small.onnx')
  await writeFile(list, Array.from({ length: lines }, (_, i) => join(album, `${i % crops}.jpg`)).join('\n'))
  await writeFile(model, convolutions({ widths: [8, 16, 16, 16], blocks: [1, 1, 1, 1] }))
  const args = [
    'extract',
    '--input',
    list,
    '--weights',
    model,
    '--output',
    join(folder, 'recorded'),
    '--quiet',
  ]
  /** @param {number} intervalMs */
  const run = async (intervalMs) =>
    promisify(execFile)(process.execPath, [BIN, ...args], {
      env: { ...process.env, FACEKIT_CHECKPOINT_MS: String(intervalMs) },
    })
  const per = { images: lines }
  await compare(
    `recording progress: ${lines} crops, a small model, the start of the program included`,
    [
      { name: 'never', run: () => run(Infinity), per },
      { name: 'once in a second', run: () => run(1000), per },
      { name: 'after each batch of 4', run: () => run(0), per },
    ],
    { repeats: 3 },
  )
}

try {
  const iresnet = join(folder, 'iresnet50-shaped.onnx')
  await writeFile(iresnet, convolutions({ widths: [64, 128, 256, 512], blocks: [3, 4, 14, 3] }))
  await compareWith(iresnet, 'convolutions of an iresnet50', 320, 3)
  await compareRecording()
  // Real weights where a checkout has them beside it.
  const mobile = fileURLToPath(
    new URL('../../../../shared/fixtures/models/mobilefacenet.onnx', import.meta.url),
  )
  if (existsSync(mobile)) await compareWith(mobile, 'mobilefacenet', 1024, 5)
} finally {
  await rm(folder, { recursive: true })
}
