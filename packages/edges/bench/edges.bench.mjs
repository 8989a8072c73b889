// Prints how many edges a second are written, read, collected and joined, and what one takes on the disk.
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  checkEdges,
  EdgeCollector,
  joinEdgeParts,
  openEdgeParts,
  openEdges,
  readEdges,
  writeEdges,
} from '@facekit/edges'

const ROWS = 2_000_000
const PER_ROW = 4
const BATCH = 2 ** 16
const PARTS = 8
const ROUNDS = 3

/** Persons of some pictures, strewn over the rows: each row has `PER_ROW` edges to rows behind it. */
function* batches() {
  let seed = 1
  const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
  let batch = empty()
  let at = 0
  for (let row = 0; row < ROWS - PER_ROW; row++) {
    const targets = Array.from({ length: PER_ROW }, () => row + 1 + Math.floor(random() * (ROWS - row - 1)))
    for (const target of [...new Set(targets)].sort((a, b) => a - b)) {
      batch.source[at] = row
      batch.target[at] = target
      batch.similarity[at] = 0.5 + random() / 2
      if (++at === BATCH) {
        yield batch
        batch = empty()
        at = 0
      }
    }
  }
}

const empty = () => ({
  source: new Uint32Array(BATCH),
  target: new Uint32Array(BATCH),
  similarity: new Float32Array(BATCH),
})

const folder = await mkdtemp(join(tmpdir(), 'facekit-edges-bench-'))
const [parts, joinedFolder] = [join(folder, 'parts'), join(folder, 'joined')]
const edges = [...batches()]
const count = edges.length * BATCH
/** @param {() => Promise<unknown>} work */
const seconds = async (work) => {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
/** @param {number} time */
const rate = (time) => `${(count / time / 1e6).toFixed(1)} M edges/s`

for (let round = 0; round < ROUNDS; round++) {
  const info = { rows: ROWS, dim: 512, floor: 0.5, topK: 100, fingerprint: 'sha256:', unusable: 0 }
  const written = await seconds(() => pipeline(Readable.from(edges), writeEdges({ output: folder, ...info })))
  const set = await openEdges(folder)
  const checked = await seconds(() => checkEdges(set))
  let sum = 0
  const read = await seconds(async () => {
    for await (const { source } of readEdges(set)) sum += source.length
  })
  if (sum !== count) throw new Error(`read ${sum} of ${count}`)
  /** @param {number} listLength @param {number} memoryBytes */
  const collect = async (listLength, memoryBytes) => {
    const cutoffs = new Float32Array(ROWS).fill(-Infinity)
    const collector = new EdgeCollector({ rows: ROWS, listLength, cutoffs, memoryBytes, folder })
    for (let i = 0; i < edges.length; i++) await collector.add(edges[(i * 7919) % edges.length])
    for await (const { source } of collector.edges()) sum += source.length
    await collector.close(false)
  }
  const collected = await seconds(() => collect(99, 2 ** 30))
  const spilled = await seconds(() => collect(99, 2 ** 26))
  const crowded = await seconds(() => collect(2, 2 ** 26))
  for (let number = 0; number < PARTS; number++) {
    const [first, end] = [number, number + 1].map((at) => Math.floor((at * edges.length) / PARTS))
    const part = { number, of: PARTS, pairs: 0 }
    await pipeline(Readable.from(edges.slice(first, end)), writeEdges({ output: parts, ...info, part }))
  }
  const all = await openEdgeParts(parts)
  if (!all) throw new Error('there are no parts')
  const joined = await seconds(() =>
    pipeline(joinEdgeParts(all, 2 ** 28), writeEdges({ output: joinedFolder, ...all })),
  )
  let bytes = 0
  for (const { name } of set.files) bytes += (await stat(join(folder, name))).size
  console.log(
    `${count} edges: written ${rate(written)}, checked ${rate(checked)}, read ${rate(read)}, ${(bytes / count).toFixed(2)} bytes each; ` +
      `collected ${rate(collected)}, through files ${rate(spilled)}, topK 3 ${rate(crowded)}; ` +
      `${PARTS} parts joined ${rate(joined)}`,
  )
}
await rm(folder, { recursive: true })
