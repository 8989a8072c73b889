import { Gallery, searchNeighbors } from '@facekit/index-faiss'
import { People } from '@facekit/testing'

const OPTIONS = { threshold: 0.7, topK: 100 }

/** @typedef {import('@facekit/devices').ChosenDevices['devices']} Devices */

/**
 * Compares edges with those of the CPU, and measures the search.
 *
 * @param {Devices} devices
 * @param {import('./sizes.mjs').Size} size
 * @param {number} peak TFLOP/s of one device
 * @param {string[]} faults added to
 */
export async function checkSearch(devices, { compared, searched }, peak, faults) {
  const gallery = makeGallery(compared)
  const expected = await findEdges(gallery, [])
  const shardings = {
    'as asked': devices,
    'two shards a device': devices.flatMap((device) => [device, device]),
  }
  for (const [name, shards] of Object.entries(shardings)) {
    const { edges, isSharded } = await findEdges(gallery, shards)
    if (!isSharded) faults.push(`no search on the GPU, ${name}`)
    const isEqual =
      edges.length === expected.edges.length && edges.every((edge, i) => edge === expected.edges[i])
    console.log(
      `- Search of ${compared.rows} × ${compared.dim}, ${name}: ${edges.length} edges, ${isEqual ? 'the same as' : 'NOT those'} on the CPU`,
    )
    if (!isEqual) faults.push(`edges, ${name}`)
  }

  const { rows, dim } = searched
  const { seconds, isSharded } = await findEdges(makeGallery(searched), devices)
  if (!isSharded) faults.push('no search on the GPU to measure')
  const rate = (rows * (rows - 1) * dim) / seconds / 1e12
  const ofPeak = rate / (peak * new Set(devices.map(({ index }) => index)).size)
  console.log(
    `- Search of ${rows} × ${dim}: ${seconds.toFixed(2)} s, ${rate.toPrecision(3)} TFLOP/s, ${ofPeak.toFixed(2)} of the peak`,
  )
}

/** @param {{ rows: number, dim: number }} shape */
function makeGallery({ rows, dim }) {
  const people = new People(rows, dim)
  const gallery = new Gallery(rows, dim)
  for (const { embeddings } of people.batches()) gallery.add(embeddings)
  return gallery
}

/**
 * @param {Gallery} gallery
 * @param {Devices} devices none for the CPU
 * @returns {Promise<{ edges: string[], seconds: number, isSharded: boolean }>} edges in order; seconds from when devices
 *   hold the gallery
 */
async function findEdges(gallery, devices) {
  let start = performance.now()
  let isSharded = false
  /** @type {string[]} */
  const edges = []
  const search = searchNeighbors(gallery, {
    ...OPTIONS,
    devices,
    onSharded() {
      isSharded = true
      start = performance.now()
    },
    onWarning: (text) => console.log(`- ${text}`),
  })
  for await (const { source, target, similarity } of search) {
    for (let i = 0; i < source.length; i++) edges.push(`${source[i]}-${target[i]} ${similarity[i]}`)
  }
  return { edges: edges.sort(), seconds: (performance.now() - start) / 1000, isSharded }
}
