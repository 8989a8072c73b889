// Rates of the readers and writers beside plain copies of the same bytes, in one run. `npm run bench`
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
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
const REPEATS = 5

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

/** What was read goes in here, so that nothing can be left out as unused. */
let sink = 0

async function drain(batchesToRead, use) {
  for await (const batch of batchesToRead) sink += use(batch)
}

const cases = [
  {
    name: 'write float32 rows: plain stream of the bytes',
    run: () => pipeline(Readable.from(chunks), createWriteStream(copyFile, { flush: true })),
    file: copyFile,
  },
  {
    name: 'write float32 rows: writeNpy',
    run: () =>
      pipeline(
        Readable.from(batches.map(({ embeddings }) => embeddings)),
        writeNpy(rowsFile, { rowLength: DIM }),
      ),
    file: rowsFile,
  },
  {
    name: 'write a file set: shardEmbeddings',
    run: () => pipeline(Readable.from(batches), shardEmbeddings({ output: setFolder })),
    file: join(setFolder, 'final_embs.npy'),
  },
  {
    name: 'read float32 rows: plain stream of the bytes',
    run: () =>
      drain(createReadStream(rowsFile, { highWaterMark: BATCH_ROWS * DIM * 4 }), (bytes) => bytes[0]),
    file: rowsFile,
  },
  {
    name: 'read float32 rows: readNpy',
    run: () => drain(readNpy(rowsFile), (rows) => rows[0]),
    file: rowsFile,
  },
  {
    name: 'read a file set: readEmbeddings',
    run: async () => drain(readEmbeddings(await openFileSet(setFolder)), ({ embeddings }) => embeddings[0]),
    file: join(setFolder, 'final_embs.npy'),
  },
  {
    name: 'read paths: readPaths',
    run: async () => drain(readPaths(await openFileSet(setFolder)), ({ paths }) => paths[0].length),
    file: join(setFolder, 'final_fpaths.npy'),
  },
  {
    name: 'write label records: writeLabelRecords',
    run: () => writeLabelRecords(labelsFile, ROWS, Readable.from(records)),
    file: labelsFile,
  },
  {
    name: 'read label records: readLabelRecords',
    run: () => drain(readLabelRecords(labelsFile), (batch) => batch[0].file_path.length),
    file: labelsFile,
  },
]

try {
  console.log(`${ROWS} rows, dim ${DIM}, batches of ${BATCH_ROWS}; ${REPEATS} repeats: min / median / max`)
  for (const { run } of cases) await run()
  const times = cases.map(() => [])
  // Round by round, so that a slow moment of the machine meets all of them.
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const [i, { run }] of cases.entries()) {
      const start = performance.now()
      await run()
      times[i].push((performance.now() - start) / 1000)
    }
  }
  for (const [i, { name, file }] of cases.entries()) {
    const megabytes = (await stat(file)).size / 1e6
    const seconds = times[i].toSorted((a, b) => b - a)
    const spread = (amount, digits) =>
      [seconds[0], seconds[seconds.length >> 1], seconds.at(-1)]
        .map((s) => (amount / s).toFixed(digits))
        .join(' / ')
    console.log(
      `${name.padEnd(46)} ${spread(ROWS / 1000, 0).padStart(20)} krows/s ${spread(megabytes, 0).padStart(20)} MB/s`,
    )
  }
  console.log(`(sink ${sink.toFixed(0)})`)
} finally {
  await rm(folder, { recursive: true })
}

function seededRandom(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
