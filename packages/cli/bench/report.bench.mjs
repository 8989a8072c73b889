// Seconds, memory and size of facekit report, on made-up embeddings of 5 pictures a person.
// `npm run bench`, or `node bench/report.bench.mjs 1000000 page.html`, which keeps the page
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { EmbeddingsFingerprint, writeEdges } from '@facekit/edges'
import { shardEmbeddings } from '@facekit/io-npy'
import { People, seededRandom } from '@facekit/testing'
import sharp from 'sharp'

const BIN = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.url))
const rows = Number(process.argv[2] ?? 100_000)
const DIM = 512
const PERSON = 5
const CROPS = 64
const FLOOR = 0.5
const BATCH_EDGES = 2 ** 16

const folder = await mkdtemp(join(tmpdir(), 'facekit-report-bench-'))
const [crops, embeddings, edges, labels] = ['crops', 'embeddings', 'edges', 'labels'].map((name) =>
  join(folder, name),
)
const people = new People(rows, DIM)
const fingerprint = new EmbeddingsFingerprint()

async function drawCrops() {
  await mkdir(crops)
  const random = seededRandom(1)
  for (let i = 0; i < CROPS; i++) {
    const pixels = Buffer.from(Array.from({ length: 16 * 16 * 3 }, () => 255 * random()))
    await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
      .resize(112, 112)
      .jpeg()
      .toFile(join(crops, `${i}.jpg`))
  }
}

function* embeddingBatches() {
  for (const batch of people.batches()) {
    fingerprint.add(batch.embeddings)
    yield { ...batch, paths: Array.from(batch.indices, (row) => join(crops, `${row % CROPS}.jpg`)) }
  }
}

/** Those within persons: among strangers there is none. */
function* edgeBatches() {
  const [a, b] = [new Float32Array(DIM), new Float32Array(DIM)]
  /** @type {[number, number, number][]} */
  let pairs = []
  for (let row = 0; row < rows; row++) {
    const first = people.personOf(row) * PERSON
    const others = Array.from(people.rowOf.subarray(first, first + PERSON)).filter((other) => other > row)
    if (others.length > 0) people.embed(row, a)
    for (const other of others.sort((x, y) => x - y)) {
      people.embed(other, b)
      const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
      if (cosine >= FLOOR) pairs.push([row, other, cosine])
    }
    if (pairs.length < BATCH_EDGES && row < rows - 1) continue
    yield {
      source: Uint32Array.from(pairs, ([source]) => source),
      target: Uint32Array.from(pairs, ([, target]) => target),
      similarity: Float32Array.from(pairs, ([, , cosine]) => cosine),
    }
    pairs = []
  }
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}

/** @param {string[]} args */
async function facekit(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args, '--json', '--quiet'])
  return JSON.parse(stdout)
}

try {
  await drawCrops()
  await pipeline(Readable.from(embeddingBatches()), shardEmbeddings({ output: embeddings }))
  const info = {
    rows,
    dim: DIM,
    floor: Math.fround(FLOOR),
    topK: 100,
    fingerprint: fingerprint.finish(),
    unusable: 0,
  }
  await pipeline(Readable.from(edgeBatches()), writeEdges({ output: edges, ...info }))
  const of = ['--input', embeddings, '--edges', edges]
  const made = await facekit('label', ...of, '--output', labels, '--save_groups', '0')
  const { seconds, peakMemoryBytes, pictures, file } = await facekit('report', labels)
  const { size } = await stat(file)
  console.log(
    `report of ${rows} rows, ${made.classes} classes: ${seconds.toFixed(1)} s, ${(peakMemoryBytes / 1e6).toFixed(0)} MB, a page of ${(size / 1e6).toFixed(1)} MB with ${pictures} pictures`,
  )
  const page = process.argv[3]
  if (page !== undefined) await copyFile(file, page)
} finally {
  await rm(folder, { recursive: true })
}
