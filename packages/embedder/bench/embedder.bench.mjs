// Images per second of embed(), beside a bare session on ready-made tensors. `npm run bench`
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { compare } from '@facekit/testing'
import { embed, openEmbedder } from '@facekit/embedder'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { convolutions } from './model.mjs'

const BATCH = 16
const BATCHES = 12
const threads = availableParallelism()
const folder = await mkdtemp(join(tmpdir(), 'facekit-bench-'))

try {
  const model = join(folder, 'model.onnx')
  await writeFile(model, convolutions({ widths: [32, 64, 128, 256], blocks: 2 }))
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads })
  const tensor = new Tensor('float32', new Float32Array(BATCH * 3 * 112 * 112), [BATCH, 3, 112, 112])
  const embedder = await openEmbedder({ model, threads })

  const bare = async () => {
    for (let i = 0; i < BATCHES; i++) await session.run({ image: tensor })
  }
  const batches = function* () {
    for (let i = 0; i < BATCHES; i++) {
      const paths = Array.from({ length: BATCH }, (_, row) => `${row}.jpg`)
      const pixels = new Uint8Array(BATCH * 112 * 112 * 3)
      yield { indices: new Uint32Array(BATCH), paths, pixels, width: 112, height: 112, failed: [] }
    }
  }
  const ours = async () => {
    let rows = 0
    for await (const { indices } of Readable.from(batches()).pipe(embed(embedder))) rows += indices.length
    return rows
  }
  const per = { images: BATCH * BATCHES }
  await compare(`${BATCHES} batches of ${BATCH}, ${threads} threads`, [
    { name: 'bare session, float32 tensors', run: bare, per },
    { name: 'embed(), uint8 pixels', run: ours, per },
  ])
  await embedder.close()
} finally {
  await rm(folder, { recursive: true })
}
