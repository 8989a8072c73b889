// What a search in parts costs beside one search: seconds of all parts, one after the other, each of which prepares the
// gallery anew, and of the whole; and how the parts differ. `npm run bench`; rows and parts may be given.
import { availableParallelism } from 'node:os'
import { Gallery, pairsInRegion, regionOfPart, searchNeighbors } from '@facekit/index-faiss'
import { People } from '@facekit/testing'

const DIM = 512
const [rows = 131_072, parts = 8] = process.argv.slice(2).map(Number)

const people = new People(rows, DIM)
const embeddings = new Float32Array(rows * DIM)
for (let row = 0; row < rows; row++) people.embed(row, embeddings.subarray(row * DIM, (row + 1) * DIM))

/** @param {import('@facekit/index-faiss').Region} [region] */
async function search(region) {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()]
  const gallery = new Gallery(rows, DIM)
  gallery.add(embeddings)
  let edges = 0
  const options = { threshold: 0.7, topK: 100, threads: availableParallelism(), ...(region && { region }) }
  for await (const { source } of searchNeighbors(gallery, options)) edges += source.length
  const { user, system } = process.cpuUsage(cpu)
  return { edges, seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 }
}

await search(regionOfPart(rows, { number: 0, of: parts }))
const whole = await search()
/** @type {(Awaited<ReturnType<typeof search>> & { pairs: number })[]} */
const all = []
for (let number = 0; number < parts; number++) {
  const region = regionOfPart(rows, { number, of: parts })
  all.push({ ...(await search(region)), pairs: pairsInRegion(region) })
}
/** @param {(one: typeof all[number]) => number} valueOf */
const sum = (valueOf) => all.reduce((total, one) => total + valueOf(one), 0)
const pairs = (rows * (rows - 1)) / 2
const deviation = Math.max(...all.map((one) => Math.abs((one.pairs * parts) / pairs - 1)))
console.log(
  `${rows} × ${DIM}: whole ${whole.seconds.toFixed(1)} s, ${whole.cpuSeconds.toFixed(1)} s of CPU; ` +
    `${parts} parts ${sum(({ seconds }) => seconds).toFixed(1)} s, ${sum(({ cpuSeconds }) => cpuSeconds).toFixed(1)} s of CPU, ` +
    `${((sum((one) => one.pairs) / pairs) * 100).toFixed(2)} % of its pairs; they differ from the mean by ${(deviation * 100).toFixed(1)} % at most`,
)
