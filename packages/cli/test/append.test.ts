import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readEmbeddingRuns, type EmbeddingBatch, type EmbeddingRuns, type LabelRun } from '@facekit/core'
import { openFileSet, readEmbeddings } from '@facekit/io-npy'
import { KILL_AT, rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { drawAlbum, writeBlockModel, writeSlowModel } from './album.js'
import { writePeople } from './people.js'
import { builtFacekit, contents, facekit, outcomeOf, startWith, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
/** Two weeks, with images that are not there, and both of them in one. */
const [first, second, both] = [inFolder('first.txt'), inFolder('second.txt'), inFolder('both.txt')]
const [FIRST, SECOND] = [33, 47]

beforeAll(() => {
  drawAlbum(album, 4, 5)
  writeBlockModel(model)
  const pictures = readdirSync(album, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bmp'))
    .sort()
  const lines = Array.from({ length: FIRST + SECOND }, (_, i) =>
    join(album, i % 7 === 3 ? `missing-${i}.bmp` : pictures[i % pictures.length]!),
  )
  writeFileSync(first, lines.slice(0, FIRST).join('\n'))
  writeFileSync(second, lines.slice(FIRST).join('\n'))
  writeFileSync(both, lines.join('\n'))
})

const extractArgs = (input: string, output: string, ...flags: string[]) => [
  'extract',
  '--input',
  input,
  '--weights',
  model,
  '--output',
  output,
  ...flags,
]

async function succeed(args: string[], stdin?: string): Promise<{ stdout: string; stderr: string }> {
  // A list on stdin is read from the process's own.
  const { status, stdout, stderr } = await (stdin === undefined
    ? facekit(args)
    : builtFacekit(args, { stdin: Buffer.from(stdin) }))
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}

async function refused(args: string[], code: string, message: RegExp = /./): Promise<string> {
  const { status, stderr } = await facekit(args)
  expect([status, stderr]).toEqual([code === 'OPTION' ? 2 : 3, expect.stringMatching(message)])
  if (code !== 'OPTION') expect(stderr).toContain(`[${code}]`)
  return stderr
}

let folders = 0
const newFolder = () => inFolder(`output-${folders++}`)

/** All rows of a set, whatever files they are in. */
async function rowsIn(folder: string) {
  const rows: unknown[] = []
  for await (const batch of readEmbeddings(await openFileSet(folder))) {
    const { indices, paths, embeddings, dim } = batch as EmbeddingBatch
    paths.forEach((path, i) => {
      const bytes = Buffer.from(embeddings.slice(i * dim, (i + 1) * dim).buffer)
      rows.push([indices[i], path, createHash('sha256').update(bytes).digest('hex')])
    })
  }
  return rows
}

const failuresIn = (folder: string) => readFileSync(join(folder, 'failed.ndjson'), 'utf8')

const runsIn = async (folder: string) => (await readEmbeddingRuns(folder))!.runs

/** A folder with the embeddings of the first list. */
async function folderOf(input: string, ...flags: string[]): Promise<string> {
  const output = newFolder()
  await succeed(extractArgs(input, output, ...flags))
  return output
}

/** What is visible, each run of a new name. */
const visible = (folder: string) =>
  Object.fromEntries([...contents(folder)].filter(([name]) => !/(?:^|\/)\./.test(name)))

describe('embeddings that are there', () => {
  it.each([[], ['--no-resume']])(
    'are refused unless it is said what becomes of them: %j',
    async (...flags) => {
      const output = await folderOf(first)
      const before = contents(output)
      const stderr = await refused(extractArgs(second, output, ...flags), 'EMBEDDINGS_EXIST')
      expect(stderr).toMatch(
        /28 embeddings of 192 numbers, of .*first\.txt, made \d{4}-\d\d-\d\d \d\d:\d\d UTC, are/,
      )
      expect(stderr).toMatch(/--append .* --overwrite/)
      // At once, and not when the model is open.
      expect(stderr).not.toContain('images at once')
      expect(contents(output)).toEqual(before)
    },
  )

  it('are refused before an unfinished run is dropped', async () => {
    const output = await folderOf(first)
    const killed = await killedAfter(10, extractArgs(second, output, '--overwrite'))
    expect(killed).toBeGreaterThan(0)
    await refused(extractArgs(second, output, '--no-resume'), 'EMBEDDINGS_EXIST')
    await refused(extractArgs(second, output, '--overwrite'), 'RUN_UNFINISHED')
    const { stderr } = await succeed(extractArgs(second, output, '--overwrite', '--resume'))
    expect(stderr).toContain('Going on after')
    expect(await rowsIn(output)).toEqual(await rowsIn(await folderOf(second)))
  })

  it('are replaced by --overwrite, which says what it replaced', async () => {
    const output = await folderOf(first, '--split-threshold', '10')
    const { stderr } = await succeed(extractArgs(second, output, '--overwrite'))
    expect(stderr).toMatch(/Replaced 28 embeddings of 192 numbers, of .*first\.txt/)
    expect(stderr).toContain(
      `the embeddings are in ${output}, what failed in ${join(output, 'failed.ndjson')}`,
    )
    expect(visible(output)).toEqual(visible(await folderOf(second)))
    expect(await runsIn(output)).toMatchObject([{ input: second, images: SECOND }])
    // What is damaged is no obstacle.
    rmSync(join(output, 'final_fpaths.npy'))
    await succeed(extractArgs(first, output, '--overwrite'))
    expect(visible(output)).toEqual(visible(await folderOf(first)))
  })

  it('stay as they are where the same run is asked for again, to go on', async () => {
    const crops = inFolder('same-run')
    cpSync(album, crops, { recursive: true })
    for (const [input, stdin] of [[first], [crops], ['-', readFileSync(first, 'utf8')]] as const) {
      const args = extractArgs(input, newFolder(), '--json')
      await succeed(args, stdin)
      const output = args[6]!
      const before = contents(output)
      const { stdout, stderr } = await succeed([...args, '--resume'], stdin)
      expect(stderr).toContain('are there already')
      expect(JSON.parse(stdout)).toMatchObject({
        images: input === crops ? 20 : FIRST,
        failed: input === crops ? 0 : 5,
      })
      expect(contents(output)).toEqual(before)
      // Of another run they are not.
      await refused([...args.with(2, second), '--resume'], 'EMBEDDINGS_EXIST', /of another run: --input was/)
      if (input !== crops) continue
      copyFileSync(join(crops, 'person_0/0.bmp'), join(crops, 'new.bmp'))
      await refused([...args, '--resume'], 'EMBEDDINGS_EXIST')
      expect(contents(output)).toEqual(before)
    }
  })

  it('that are gone are no obstacle', async () => {
    const output = await folderOf(first)
    for (const name of readdirSync(output)) if (name.endsWith('.npy')) rmSync(join(output, name))
    await succeed(extractArgs(second, output))
    expect(visible(output)).toEqual(visible(await folderOf(second)))
  })
})

describe('extract --append', () => {
  it.each([
    ['merged', []],
    ['split', ['--split-threshold', '10']],
    ['unmerged', ['--no-merge-embs']],
    ['normalised', ['--use-l2-norm']],
  ])('gives of a %s set what one extract of both lists gives', async (_what, flags) => {
    const all = [...flags, '--batch-size', '1']
    const output = await folderOf(first, ...all)
    const { stdout, stderr } = await succeed(extractArgs(second, output, '--append', '--json', ...all))
    expect(stderr).toContain(`Appending to 28 embeddings in ${output}: indices go on from ${FIRST}`)
    expect(stderr).not.toContain('Removed')
    expect(JSON.parse(stdout)).toMatchObject({ images: SECOND, failed: 6 })
    const whole = await folderOf(both, ...all)
    expect(await rowsIn(output)).toEqual(await rowsIn(whole))
    expect(failuresIn(output)).toBe(failuresIn(whole))
    const { files, runs } = (await readEmbeddingRuns(output))!
    expect(files).toEqual(expect.arrayContaining(readdirSync(output).filter((name) => name.endsWith('.npy'))))
    expect(runs).toMatchObject([
      { input: first, images: FIRST, embedded: 28, failed: 5 },
      {
        input: second,
        images: SECOND,
        embedded: 41,
        failed: 6,
        command: expect.arrayContaining(['--append']) as string[],
      },
    ])
    const before = (input: string) => `${input} was embedded into ${output} before: `
    expect(stderr).not.toContain(before(second))
    const again = await succeed(extractArgs(first, output, '--append', ...all))
    expect(again.stderr).toContain(before(first))
    expect((await runsIn(output)).map(({ images }) => images)).toEqual([FIRST, SECOND, FIRST])
    expect((await rowsIn(output)).slice(69).map((row) => (row as [number])[0])).toEqual(
      (await rowsIn(await folderOf(first, ...all))).map((row) => (row as [number])[0] + FIRST + SECOND),
    )
  })

  it('takes neither time nor room for the embeddings that are there', async () => {
    const output = await folderOf(first)
    const before = statSync(join(output, 'final_embs.npy'))
    await succeed(extractArgs(second, output, '--append'))
    expect(statSync(join(output, 'embs_0.npy'))).toMatchObject({
      ino: before.ino,
      mtimeMs: before.mtimeMs,
      nlink: 1,
    })
  })

  it('copies them where a disk has no links', async () => {
    const output = await folderOf(first)
    vi.spyOn(fs, 'link').mockRejectedValue(Object.assign(new Error('EPERM'), { code: 'EPERM' }))
    syncBuiltinESMExports()
    await succeed(extractArgs(second, output, '--append')).finally(() => {
      vi.restoreAllMocks()
      syncBuiltinESMExports()
    })
    const linked = await folderOf(first)
    await succeed(extractArgs(second, linked, '--append'))
    expect(visible(output)).toEqual(visible(linked))
  })

  it('begins where nothing is there, and adds nothing where no images are', async () => {
    const output = newFolder()
    const { stderr } = await succeed(extractArgs(first, output, '--append'))
    expect(stderr).toContain(`There are no embeddings in ${output} yet: these are the first`)
    expect(contents(output)).toEqual(contents(await folderOf(first)))
    const none = inFolder('none.txt')
    writeFileSync(none, '')
    await succeed(extractArgs(none, output, '--append'))
    expect(await rowsIn(output)).toEqual(await rowsIn(await folderOf(first)))
    expect((await runsIn(output)).map(({ images }) => images)).toEqual([FIRST, 0])
  })

  it('with --resume appends the same once, and the images of a folder that are new', async () => {
    const output = await folderOf(first)
    for (const _again of [1, 2]) await succeed(extractArgs(second, output, '--append', '--resume'))
    expect(await runsIn(output)).toHaveLength(2)
    const crops = inFolder('weekly')
    cpSync(album, crops, { recursive: true })
    for (const _again of [1, 2]) await succeed(extractArgs(crops, output, '--append', '--resume'))
    expect((await runsIn(output)).map(({ images }) => images)).toEqual([FIRST, SECOND, 20])
    copyFileSync(join(crops, 'person_0/0.bmp'), join(crops, 'new.bmp'))
    await succeed(extractArgs(crops, output, '--append', '--resume'))
    expect((await runsIn(output)).map(({ images }) => images)).toEqual([FIRST, SECOND, 20, 21])
  })

  it('says where last digits may differ', async () => {
    const output = await folderOf(first)
    const { stderr } = await succeed(extractArgs(second, output, '--append', '--batch-size', '8'))
    expect(stderr).toContain(
      'Last digits of embeddings may differ: cpu, 4 images at once before, and now cpu, 8',
    )
  })

  it('what failed in any of them can be tried again', async () => {
    const [one, two] = [inFolder('week-1'), inFolder('week-2')]
    const lists = [one, two].map((folder, week) => {
      mkdirSync(folder)
      copyFileSync(join(album, `person_${week}/0.bmp`), join(folder, 'there.bmp'))
      writeFileSync(join(folder, 'list.txt'), 'there.bmp\n"late.bmp"\n')
      return join(folder, 'list.txt')
    })
    const output = await folderOf(lists[0]!)
    await succeed(extractArgs(lists[1]!, output, '--append'))
    copyFileSync(join(album, 'person_2/0.bmp'), join(two, 'late.bmp'))
    await succeed(extractArgs(first, output, '--retry-failed'))
    expect((await rowsIn(output)).map((row) => (row as [number]).slice(0, 2))).toEqual([
      [0, join(one, 'there.bmp')],
      [2, join(two, 'there.bmp')],
      [3, expect.stringContaining('late.bmp')],
    ])
    expect(await runsIn(output)).toMatchObject([
      { embedded: 1, failed: 1 },
      { embedded: 2, failed: 0 },
    ])
    // And more is appended to that.
    await succeed(extractArgs(lists[0]!, output, '--append'))
    expect((await rowsIn(output)).map((row) => (row as [number])[0])).toEqual([0, 2, 3, 4])
  })
})

const progressOf = (output: string) => join(output, '.facekit-run', 'progress.json')

function recorded(output: string): number {
  if (!existsSync(progressOf(output))) return 0
  const { progress } = JSON.parse(readFileSync(progressOf(output), 'utf8')) as {
    progress: { entries: number }
  }
  return progress.entries
}

/** Runs until so many images are recorded, and is killed. */
async function killedAfter(images: number, args: string[]): Promise<number> {
  const output = args[args.indexOf('--output') + 1]!
  const program = startWith({ FACEKIT_CHECKPOINT_MS: '0' }, ...args)
  const ended = outcomeOf(program)
  while (recorded(output) < images && program.exitCode === null) await sleep(2)
  program.kill('SIGKILL')
  await ended
  return recorded(output)
}

describe('an append that dies', () => {
  it.each([
    ['merged', []],
    ['split', ['--split-threshold', '10']],
  ])(
    'at any step, of a %s set, leaves the old set or the new one, and comes to the same',
    { timeout: 600_000 },
    async (name, flags) => {
      const older = await folderOf(first, ...flags)
      const args = (output: string) => extractArgs(second, output, '--append', ...flags)
      const newer = newFolder()
      cpSync(older, newer, { recursive: true, preserveTimestamps: true })
      await succeed(args(newer))
      const [before, after] = [visible(older), visible(newer)]
      const random = seededRandom(name.length)
      const stride = rounds(14, 2)
      const ends = { before: 0, after: 0 }
      for (let step = 1 + Math.floor(random() * stride); ; step += 1 + Math.floor(random() * 2 * stride)) {
        const output = newFolder()
        cpSync(older, output, { recursive: true, preserveTimestamps: true })
        const recording = step % 2 === 0 ? { FACEKIT_CHECKPOINT_MS: '0' } : {}
        const env = { ...recording, NODE_OPTIONS: `--import ${KILL_AT}`, FACEKIT_KILL_AT: String(step) }
        const { status, stderr } = await builtFacekit(args(output), { env })
        if (status === 0) break
        expect(status, stderr).toBe(null)
        // Whoever reads it finishes what had begun to move.
        const read = await facekit(['search', '--input', output, '--output', newFolder()])
        expect(read.status, read.stderr).toBe(0)
        const found = visible(output)
        const isAfter =
          found['embs_0.npy'] !== undefined && found[`embs_${name === 'merged' ? 1 : 3}.npy`] !== undefined
        expect(found, `step ${step}`).toEqual(isAfter ? after : before)
        ends[isAfter ? 'after' : 'before']++
        await succeed([...args(output), '--resume'])
        expect(visible(output), `step ${step}`).toEqual(after)
        rmSync(output, { recursive: true })
      }
      expect(Math.min(ends.before, ends.after)).toBeGreaterThan(0)
    },
  )

  /** An append that is killed when only its files are to be moved. */
  async function killedWhileMoving(input: string): Promise<string> {
    const older = await folderOf(first)
    const journal = (output: string) => join(output, '.facekit-run', 'commit.json')
    let output = newFolder()
    for (let step = 8; !existsSync(journal(output)); step++) {
      rmSync(output, { recursive: true, force: true })
      output = newFolder()
      cpSync(older, output, { recursive: true, preserveTimestamps: true })
      const env = { NODE_OPTIONS: `--import ${KILL_AT}`, FACEKIT_KILL_AT: String(step) }
      expect((await builtFacekit(extractArgs(input, output, '--append'), { env })).status).toBe(null)
    }
    return output
  }

  it('while its files are moved is not made twice by the same command', async () => {
    const output = await killedWhileMoving(second)
    const { stderr } = await succeed(extractArgs(second, output, '--append'))
    expect(stderr).toContain('are there already')
    expect(await runsIn(output)).toHaveLength(2)
  })

  it.each([[], ['--resume']])(
    'while its files are moved is not taken for one of other images in the same folder: %j',
    async (...flags) => {
      const incoming = inFolder(`incoming-${flags.length}`)
      cpSync(join(album, 'person_0'), incoming, { recursive: true })
      const output = await killedWhileMoving(incoming)
      rmSync(incoming, { recursive: true })
      cpSync(join(album, 'person_1'), incoming, { recursive: true })
      rmSync(join(incoming, '0.bmp'))
      const args = extractArgs(incoming, output, '--append', ...flags)
      await succeed(args)
      expect(await runsIn(output)).toMatchObject([{ images: FIRST }, { images: 5 }, { images: 4 }])
      const { stderr } = await succeed([...extractArgs(incoming, output, '--append'), '--resume'])
      expect(stderr).toContain('are there already')
    },
  )

  it('is gone on with as what it is, and nothing else', async () => {
    const output = await folderOf(first)
    const args = extractArgs(second, output, '--append')
    expect(await killedAfter(12, args)).toBeGreaterThan(0)
    await refused(args, 'RUN_UNFINISHED')
    await refused([...args.with(2, both), '--resume'], 'RUN_DIFFERS', /--input was .* and is/)
    await refused(
      [...extractArgs(second, output), '--resume'],
      'RUN_DIFFERS',
      /--append was true and is not given/,
    )
    const { stderr } = await succeed([...args, '--resume'])
    expect(stderr).toContain('Going on after')
    const undisturbed = await folderOf(first)
    await succeed(extractArgs(second, undisturbed, '--append'))
    expect(visible(output)).toEqual(visible(undisturbed))
  })
})

describe('extract --append is refused', () => {
  it.each([
    [
      'another model',
      ['--weights', inFolder('other.onnx')],
      /the model was .*… and is .*…; --emb-dim was 192 and is 64/,
    ],
    ['another norm', ['--use-l2-norm'], /--use-l2-norm was false and is true/],
    ['another mean', ['--pixel-mean', '0'], /--pixel-mean was 127\.5,127\.5,127\.5 and is 0,0,0/],
    ['another std', ['--pixel-std', '1,2,3'], /--pixel-std was 127\.5,127\.5,127\.5 and is 1,2,3/],
    ['other channels', ['--channels', 'bgr'], /--channels was rgb and is bgr/],
    ['an output by its name', ['--output-name', 'embedding'], /--output-name was not given and is embedding/],
    ['another limit', ['--max-pixels', '9999'], /--max-pixels was not given and is 9999/],
  ])('with %s, which is named', async (_what, flags, message) => {
    writeSlowModel(inFolder('other.onnx'), 1)
    const output = await folderOf(first)
    const before = contents(output)
    const args = extractArgs(second, output, '--append').filter(
      (word) => flags[0] !== '--weights' || !['--weights', model].includes(word),
    )
    await refused([...args, ...flags], 'APPEND_DIFFERS', message)
    expect(contents(output)).toEqual(before)
  })

  it('but not with what is said and was the same', async () => {
    const output = await folderOf(first)
    await succeed(
      extractArgs(
        second,
        output,
        '--append',
        '--pixel-mean',
        '127.5',
        '--channels',
        'rgb',
        '--emb-dim',
        '192',
        '--split-threshold',
        '7',
      ),
    )
  })

  it('from another working directory than relative paths were meant from', async () => {
    const output = newFolder()
    const before = process.cwd()
    process.chdir(inFolder())
    try {
      await succeed(extractArgs('first.txt', output))
      process.chdir(album)
      await refused(
        extractArgs('../second.txt', output, '--append'),
        'APPEND_DIFFERS',
        /the working directory was .* and is/,
      )
      await succeed(extractArgs(second, output, '--append'))
      // Theirs is still known.
      await refused(
        extractArgs('../second.txt', output, '--append'),
        'APPEND_DIFFERS',
        /the working directory was/,
      )
    } finally {
      process.chdir(before)
    }
  })

  it.each([
    [
      'an older facekit',
      (folder: string) => withoutRuns(folder),
      'APPEND_UNKNOWN',
      /an older facekit made them/,
    ],
    [
      'nobody knows who',
      (folder: string) => rmSync(join(folder, '.facekit.json')),
      'OUTPUT_EXISTS',
      /facekit did not make/,
    ],
    [
      'runs of other counts',
      (folder: string) =>
        appendFileSync(join(folder, 'failed.ndjson'), '{"index":99,"path":"x","reason":"y"}\n'),
      'OUTPUT_EXISTS',
      /failed\.ndjson .*was changed since/,
    ],
  ])('to embeddings of %s', async (_what, change, code, message) => {
    const output = await folderOf(first)
    change(output)
    const before = contents(output)
    await refused(extractArgs(second, output, '--append'), code, message)
    expect(contents(output)).toEqual(before)
  })

  it('to parts', async () => {
    const output = newFolder()
    for (const part of ['0/2', '1/2']) await succeed(extractArgs(first, output, '--part', part))
    await refused(extractArgs(second, output, '--append'), 'APPEND_UNKNOWN', /made in 2 parts/)
  })

  it('together with what it contradicts, and into a pipe', async () => {
    const output = newFolder()
    for (const flags of [
      ['--append', '--overwrite'],
      ['--append', '--retry-failed'],
      ['--overwrite', '--retry-failed'],
      ['--append', '--part', '0/2'],
      ['--overwrite', '--part', '0/2'],
    ])
      await refused(extractArgs(first, output, ...flags), 'OPTION', /not both/)
    await refused(extractArgs(first, '-', '--append'), 'OPTION', /Expected --output for --append/)
    expect(existsSync(output)).toBe(false)
  })
})

/** As an older facekit left embeddings. */
function withoutRuns(folder: string): void {
  rmSync(join(folder, 'run.json'))
  const file = join(folder, '.facekit.json')
  const record = JSON.parse(readFileSync(file, 'utf8')) as { embeddings: Record<string, number> }
  delete record.embeddings['run.json']
  writeFileSync(file, JSON.stringify(record))
}

describe('run.json beside embeddings', () => {
  it('says what made them', async () => {
    const flags = ['--pixel-mean', '1,2,3', '--use-l2-norm', '--batch-size', '2', '--max-pixels', '99999']
    const args = extractArgs(first, newFolder(), ...flags)
    await succeed(args)
    const hash = createHash('sha256').update(readFileSync(model)).digest('hex')
    const [run, ...others] = await runsIn(args[6]!)
    expect(others).toEqual([])
    expect(run).toMatchObject({
      command: args,
      folder: process.cwd(),
      input: first,
      listColumn: null,
      images: FIRST,
      embedded: 28,
      failed: 5,
      maxPixels: 99_999,
      provider: 'cpu',
      batchSize: 2,
      model: {
        weights: model,
        sha256: hash,
        outputName: null,
        dim: 192,
        normalized: true,
        precision: null,
        mean: [1, 2, 3],
        std: [127.5, 127.5, 127.5],
        channels: 'rgb',
        width: 112,
        height: 112,
      },
    })
    expect(Date.now() - Date.parse(run!.startedAt)).toBeGreaterThanOrEqual(0)
  })

  it('has a receipt in its place in each part', async () => {
    const output = newFolder()
    for (const part of ['0/2', '1/2'])
      await succeed(extractArgs(first, output, '--part', part, '--batch-size', '3'))
    expect(existsSync(join(output, 'run.json'))).toBe(false)
    expect(await runsIn(output)).toMatchObject([
      { input: first, images: 15, batchSize: 3, command: expect.arrayContaining(['0/2']) as string[] },
      { input: first, images: 18, batchSize: 3, command: expect.arrayContaining(['1/2']) as string[] },
    ])
    const labels = newFolder()
    await succeed(['cluster', '--input', output, '--output', labels])
    expect(labelRunIn(labels).model).toEqual((await runsIn(output))[0]!.model)
  })

  it.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['of another version', { version: 2 }],
    ['without files', { files: undefined }],
    ['with files that are none', { files: [1] }],
    ['without runs', { runs: [] }],
    ['with a run that is none', { runs: [null] }],
    ['with a count that is none', { images: -1 }],
    ['with counts that do not add up', { images: 34 }],
    ['without a model', { model: null }],
    ['with a model that is none', { model: { dim: '192' } }],
  ])('is refused by its name where it is %s', async (_what, change) => {
    const output = await folderOf(first)
    const file = join(output, 'run.json')
    if (typeof change === 'string') writeFileSync(file, change)
    else {
      const made = JSON.parse(readFileSync(file, 'utf8')) as EmbeddingRuns
      const isOfRun = 'images' in change || 'model' in change
      writeFileSync(
        file,
        JSON.stringify(
          isOfRun ? { ...made, runs: [{ ...made.runs[0], ...change }] } : { ...made, ...change },
        ),
      )
    }
    const labels = newFolder()
    const stderr = await refused(['cluster', '--input', output, '--output', labels], 'EMBEDDING_RUNS')
    expect(stderr).toContain(file)
    expect(existsSync(labels)).toBe(false)
  })

  it.each(['{"lr":0.1}', 'no JSON'])('of others, %s, is none, and stays', async (text) => {
    const [output, labels] = [newFolder(), newFolder()]
    await writePeople(output, 40, 8)
    writeFileSync(join(output, 'run.json'), text)
    await succeed(['cluster', '--input', output, '--output', labels])
    expect(labelRunIn(labels).model).toBe(null)
    expect(readFileSync(join(output, 'run.json'), 'utf8')).toBe(text)
  })

  it('goes into that of labels, where it is there', async () => {
    const [output, labels] = [await folderOf(first), newFolder()]
    await succeed(['cluster', '--input', output, '--output', labels])
    expect(labelRunIn(labels).model).toEqual((await runsIn(output))[0]!.model)
    withoutRuns(output)
    await succeed(['cluster', '--input', output, '--output', labels])
    expect(labelRunIn(labels).model).toBe(null)
  })

  it('is not that of labels: the folder is not shared', async () => {
    const [output, labels] = [await folderOf(first), newFolder()]
    await refused(
      ['cluster', '--input', output, '--output', output],
      'OUTPUT_EXISTS',
      /run\.json but it is of the embeddings that are there\. Choose another folder for the labels/,
    )
    await succeed(['cluster', '--input', output, '--output', labels])
    await refused(
      extractArgs(second, labels),
      'OUTPUT_EXISTS',
      /run\.json but it is of the labels that are there\. Choose another folder for the embeddings/,
    )
    // Beside embeddings of an older facekit it is that of labels.
    withoutRuns(output)
    await succeed(['cluster', '--input', output, '--output', output])
    await succeed(['cluster', '--input', output, '--output', output])
  })

  it('shows in the report', async () => {
    const [output, labels] = [await folderOf(first), newFolder()]
    await succeed(extractArgs(second, output, '--append'))
    await succeed(['cluster', '--input', output, '--output', labels, '--report'])
    const text = readFileSync(join(labels, 'report.html'), 'utf8').replaceAll(/<\/?span[^>]*>/g, '')
    expect(text).toContain(`facekit extract --input ${first}`)
    expect(text).toContain(`facekit extract --input ${second}`)
    expect(text).toMatch(/<dt>Runs<\/dt>\s*<dd>2<\/dd>/)
    expect(text).toContain(`${first}, ${second}</dd>`)
    const [, last] = await runsIn(output)
    expect(text).toContain(`<time datetime="${last!.startedAt}">`)
  })
})

const labelRunIn = (labels: string) => JSON.parse(readFileSync(join(labels, 'run.json'), 'utf8')) as LabelRun

describe('embeddings of two models', () => {
  const mixed = async () => {
    const output = await folderOf(first)
    await succeed(extractArgs(second, output, '--append'))
    const file = join(output, 'run.json')
    const made = JSON.parse(readFileSync(file, 'utf8')) as EmbeddingRuns
    const [one, two] = made.runs as [EmbeddingRuns['runs'][0], EmbeddingRuns['runs'][0]]
    const other = { ...two, model: { ...two.model, sha256: 'f'.repeat(64), mean: [0, 0, 0] } }
    writeFileSync(file, JSON.stringify({ ...made, runs: [one, other] }))
    return output
  }

  it('are not searched, nor labelled', async () => {
    const output = await mixed()
    const edges = newFolder()
    await succeed(['search', '--input', await folderOf(first), '--output', edges])
    for (const words of [['cluster'], ['search'], ['label', '--edges', edges]]) {
      const stderr = await refused([...words, '--input', output, '--output', newFolder()], 'MODELS_MIXED')
      expect(stderr).toMatch(/second\.txt the model was .*… and is ffffffff…; --pixel-mean was/)
    }
  })

  it('are told of where no run made a shard', async () => {
    const output = await folderOf(first, '--split-threshold', '100', '--no-merge-embs')
    const other = await folderOf(second, '--no-merge-embs')
    for (const name of ['embs', 'fpaths', 'indices'])
      copyFileSync(join(other, `${name}_0.npy`), join(output, `${name}_1.npy`))
    const { stderr } = await succeed(['cluster', '--input', output, '--output', newFolder()])
    expect(stderr).toMatch(
      /No run that is recorded in .* made fpaths_1\.npy, indices_1\.npy, embs_1\.npy: they may be of another model/,
    )
    renameSync(join(output, 'run.json'), join(output, 'away.json'))
    expect((await succeed(['cluster', '--input', output, '--output', newFolder()])).stderr).not.toContain(
      'No run',
    )
  })
})
