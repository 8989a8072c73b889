// Rates of the readers and writers beside plain copies of the same bytes, in one run. `npm run bench`
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { compare, seededRandom } from '@facekit/testing'
import {
  openFileSet,
  readEmbeddings,
  readLabelRecords,
  readNpy,
  readPaths,
  shardEmbeddings,
  writeLabelRecords,
  writeNpy,
} from '@facekit/io-npy'

const ROWS = 131_072
const DIM = 512
const BATCH_ROWS = 1024

const folder = await mkdtemp(join(tmpdir(), 'facekit-bench-'))
const rowsFile = join(folder, 'rows.npy')
const copyFile = join(folder, 'copy.npy')
const labelsFile = join(folder, 'labels.npy')
const setFolder = join(folder, 'set')

const random = seededRandom(42)
const batchValues = Float32Array.from({ length: BATCH_ROWS * DIM }, () => random() - 0.5)
const batches = Array.from({ length: ROWS / BATCH_ROWS }, (_, batch) => ({
  indices: Uint32Array.from({ length: BATCH_ROWS }, (_value, i) => batch * BATCH_ROWS + i),
  paths: Array.from(
    { length: BATCH_ROWS },
    (_value, i) => `/data/faces/${Math.floor(random() * 1e6)}/picture_${batch * BATCH_ROWS + i}.jpg`,
  ),
  embeddings: batchValues,
  dim: DIM,
  normalized: false,
}))
const chunks = batches.map(({ embeddings }) => new Uint8Array(embeddings.buffer))
const records = batches.map(({ paths }) =>
  paths.map((path, i) => ({ folder: `group_${String(i % 1000).padStart(4, '0')}`, file_path: path })),
)

/**
 * @template Batch
 * @param {AsyncIterable<Batch>} batchesToRead
 * @param {(batch: Batch) => number} use
 */
async function drain(batchesToRead, use) {
  let sum = 0
  for await (const batch of batchesToRead) sum += use(batch)
  return sum
}

const written = [
  {
    name: 'plain stream of the bytes',
    run: () => pipeline(Readable.from(chunks), createWriteStream(copyFile, { flush: true })),
  },
  {
    name: 'writeNpy',
    run: () =>
      pipeline(
        Readable.from(batches.map(({ embeddings }) => embeddings)),
        writeNpy(rowsFile, { rowLength: DIM }),
      ),
  },
  {
    name: 'shardEmbeddings, a file set',
    run: () => pipeline(Readable.from(batches), shardEmbeddings({ output: setFolder })),
  },
]
const read = [
  {
    name: 'plain stream of the bytes',
    run: () =>
      drain(createReadStream(rowsFile, { highWaterMark: BATCH_ROWS * DIM * 4 }), (bytes) => bytes[0]),
  },
  { name: 'readNpy', run: () => drain(readNpy(rowsFile), (rows) => rows[0]) },
  {
    name: 'readEmbeddings, a file set',
    run: async () => drain(readEmbeddings(await openFileSet(setFolder)), ({ embeddings }) => embeddings[0]),
  },
]
const text = [
  {
    name: 'readPaths',
    run: async () => drain(readPaths(await openFileSet(setFolder)), ({ paths }) => paths[0].length),
    file: join(setFolder, 'final_fpaths.npy'),
  },
  {
    name: 'writeLabelRecords',
    run: () => writeLabelRecords(labelsFile, ROWS, Readable.from(records)),
    file: labelsFile,
  },
  {
    name: 'readLabelRecords',
    run: () => drain(readLabelRecords(labelsFile), (batch) => batch[0].file_path.length),
    file: labelsFile,
  },
]

try {
  const per = { rows: ROWS, MB: (ROWS * DIM * 4) / 1e6 }
  const title = `${ROWS} float32 rows of ${DIM}`
  await compare(
    `Write ${title}`,
    written.map((one) => ({ ...one, per })),
  )
  await compare(
    `Read ${title}`,
    read.map((one) => ({ ...one, per })),
  )
  for (const { run } of text) await run()
  const sized = text.map(async ({ name, run, file }) => ({
    name,
    run,
    per: { rows: ROWS, MB: (await stat(file)).size / 1e6 },
  }))
  await compare(`${ROWS} paths and labels`, await Promise.all(sized))
} finally {
  await rm(folder, { recursive: true })
}
