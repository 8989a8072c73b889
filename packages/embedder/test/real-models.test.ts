import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@facekit/testing'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { openEmbedder } from '../src/index.js'

const SHARED = fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url))
const SIDE = 112
const COUNT = 5

/** Pictures of noise around a colour of their own. */
function pictures(): Uint8Array {
  const random = seededRandom(3)
  const colours = Array.from({ length: COUNT * 3 }, () => 60 + random() * 130)
  return Uint8Array.from({ length: COUNT * SIDE * SIDE * 3 }, (_, i) => {
    const picture = Math.floor(i / (SIDE * SIDE * 3))
    return colours[picture * 3 + (i % 3)]! + (random() - 0.5) * 120
  })
}

/** What the model's own input gives for pixels turned into its numbers by hand, one picture at a time. */
async function embedPlainly(model: string, number: (pixel: number, channel: number) => number) {
  const session = await InferenceSession.create(model)
  const pixels = pictures()
  const embeddings: number[] = []
  for (let picture = 0; picture < COUNT; picture++) {
    const planes = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
      const [channel, at] = [Math.floor(i / SIDE ** 2), i % SIDE ** 2]
      return number(pixels[(picture * SIDE ** 2 + at) * 3 + channel]!, channel)
    })
    const feeds = { [session.inputNames[0]!]: new Tensor('float32', planes, [1, 3, SIDE, SIDE]) }
    const { data } = (await session.run(feeds))[session.outputNames[0]!]!
    embeddings.push(...(data as Float32Array))
  }
  await session.release()
  return embeddings
}

const usual = (pixel: number) => (pixel - 127.5) / 127.5

describe.skipIf(!existsSync(SHARED))('models as people export them', () => {
  it.each<[string, (pixel: number) => number, RegExp[]]>([
    ['inputs/normalises-inside.onnx', (pixel) => pixel, [/\(x − 127\.5\) \/ 128.*0–255/]],
    ['inputs/batch-minus-one.onnx', usual, []],
    ['inputs/batch-fixed-inside.onnx', usual, [/one image at a time/]],
    ['models/mobilefacenet.onnx', usual, []],
  ])('%s gives what the runtime gives of the pixels that it expects', async (file, number, said) => {
    const model = join(SHARED, file)
    const warnings: string[] = []
    const embedder = await openEmbedder({ model, onWarning: (line) => void warnings.push(line) })
    const embeddings = await embedder.run(pictures(), COUNT)
    await embedder.close()
    const expected = await embedPlainly(model, number)
    expect(embeddings.length).toBe(expected.length)
    const scale = Math.max(...expected.map(Math.abs))
    embeddings.forEach((value, i) => expect(value / scale).toBeCloseTo(expected[i]! / scale, 4))
    expect(warnings).toEqual(said.map((line) => expect.stringMatching(line)))
  })

  it('refuses dimension × batch', async () => {
    await expect(
      openEmbedder({ model: join(SHARED, 'inputs/transposed-output.onnx') }),
    ).rejects.toMatchObject({
      code: 'MODEL_OUTPUT',
    })
  })
})
