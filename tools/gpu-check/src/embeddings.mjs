import { openEmbedder } from '@facekit/embedder'
import { buildIresnet, loadIresnet } from '@facekit/iresnet'
import { randomWeights, seededRandom } from '@facekit/testing'

const PRECISIONS = /** @type {const} */ (['fp32', 'fp16'])
/** How close embeddings must come to fp32 on the CPU. */
const LOWEST_COSINE = { fp32: 0.9999, fp16: 0.999 }
const COMPARED_IMAGES = 2
const IMAGE_BYTES = 112 * 112 * 3
/** Of each device, so that it never waits. */
const BATCHES_IN_FLIGHT = 2

/**
 * Compares embeddings with those of the CPU, and measures inference.
 *
 * @param {import('@facekit/devices').ChosenDevices['devices']} devices
 * @param {import('./sizes.mjs').Size} size
 * @param {string[]} faults added to
 */
export async function checkEmbeddings(devices, { networks, widths, dim, batch, batches }, faults) {
  for (const [name, shape] of Object.entries(networks)) {
    const network = await loadIresnet(randomWeights({ ...shape, widths, dim }))
    const modelOf = (/** @type {'fp32' | 'fp16'} */ precision) => ({
      bytes: buildIresnet(network, { precision }),
      name: `${name}, ${precision}`,
    })
    const cpu = await openEmbedder({ model: modelOf('fp32') })
    const expected = await cpu.run(randomPixels(COMPARED_IMAGES), COMPARED_IMAGES)
    await cpu.close()
    for (const precision of PRECISIONS) {
      const model = modelOf(precision)
      /** @type {import('@facekit/embedder').Embedder} */
      let embedder
      try {
        embedder = await openEmbedder({
          model,
          devices,
          deviceBatch: batch,
          onSmallerBatch: (images) =>
            console.log(`- ${model.name}: short of memory, ${images} images at a time`),
        })
      } catch (error) {
        console.log(`- ${model.name}: does not run (${String(error).split('\n')[0]})`)
        if (precision === 'fp32') faults.push(model.name)
        continue
      }
      const embeddings = await embedder.run(randomPixels(COMPARED_IMAGES), COMPARED_IMAGES)
      const cosine = lowestCosine(embeddings, expected, dim)
      const seconds = await timeBatches(embedder, batch, batches * embedder.sessions)
      await embedder.close()
      const rate = (batch * batches * embedder.sessions) / seconds
      console.log(
        `- ${model.name}: ${rate.toPrecision(4)} images/s in batches of ${batch}; lowest cosine to fp32 on the CPU ${cosine.toFixed(6)}`,
      )
      if (!(cosine >= LOWEST_COSINE[precision])) faults.push(`embeddings, ${model.name}`)
    }
  }
}

/** @param {number} images */
function randomPixels(images) {
  const random = seededRandom(7)
  return Uint8Array.from({ length: images * IMAGE_BYTES }, () => 256 * random())
}

/**
 * @param {import('@facekit/embedder').Embedder} embedder
 * @param {number} batch
 * @param {number} count
 */
async function timeBatches(embedder, batch, count) {
  const pixels = randomPixels(batch)
  await embedder.run(pixels.slice(), batch)
  const start = performance.now()
  let left = count
  const feed = async () => {
    while (left-- > 0) await embedder.run(pixels.slice(), batch)
  }
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT * embedder.sessions }, feed))
  return (performance.now() - start) / 1000
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} dim
 */
function lowestCosine(a, b, dim) {
  const dot = (/** @type {Float32Array} */ x, /** @type {Float32Array} */ y) =>
    x.reduce((sum, value, i) => sum + value * y[i], 0)
  const cosines = Array.from({ length: a.length / dim }, (_, row) => {
    const [x, y] = [a, b].map((all) => all.subarray(row * dim, (row + 1) * dim))
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
  })
  return Math.min(...cosines)
}
