import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { openFileSet, readEmbeddings, readLabelRecords } from '@facekit/io-npy'
import type { EmbeddingBatch, LabelRecord } from '@facekit/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { csvRecords } from '../src/evaluate/csv-records.js'
import { drawAlbum, writeBlockModel, writeLogModel } from './album.js'
import {
  builtFacekit,
  contents,
  facekit,
  outcomeOf,
  shell,
  start,
  streamOf,
  temporaryFolder,
  type Facekit,
} from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const PEOPLE = 12
const PICTURES = 5
const DUPLICATES = 3

beforeAll(() => {
  drawAlbum(album, PEOPLE, PICTURES)
  writeBlockModel(model)
})

const extractArgs = (...more: string[]) => ['extract', '--input', album, '--weights', model, ...more]

async function embeddingsIn(folder: string): Promise<EmbeddingBatch[]> {
  return await readEmbeddings(await openFileSet(folder)).toArray()
}

/** Runs `extract | cluster`. */
function pipe(extract: string[], cluster: string[]): { writer: Facekit; reader: Facekit } {
  const writer = start(...extract)
  const reader = start(...cluster)
  reader.stdin.on('error', () => {})
  writer.stdout.on('error', () => {})
  writer.stdout.pipe(reader.stdin)
  reader.once('exit', () => writer.stdout.destroy())
  return { writer, reader }
}

describe('extract', () => {
  it('writes the contract’s files, rows in the order of the input', async () => {
    const output = inFolder('merged')
    const { status, stderr } = await facekit(extractArgs('--output', output))
    expect(status, stderr).toBe(0)
    expect(readdirSync(output).sort()).toEqual([
      '.facekit.json',
      'failed.ndjson',
      'final_embs.npy',
      'final_fpaths.npy',
      'final_indices.npy',
      'run.json',
    ])
    const [batch] = await embeddingsIn(output)
    expect(batch!.dim).toBe(192)
    expect([...batch!.indices]).toEqual(Array.from({ length: PEOPLE * PICTURES }, (_, i) => i))
    expect(batch!.paths.slice(0, 6).map((path) => relative(album, path))).toEqual([
      ...Array.from({ length: PICTURES }, (_, i) => `person_0/${i}.bmp`),
      'person_1/0.bmp',
    ])
  })

  it('splits, and writes a set per batch, under the contract’s names', async () => {
    await facekit(extractArgs('--output', inFolder('split'), '--split-threshold', '25', '--use-l2-norm'))
    expect(readdirSync(inFolder('split')).filter((name) => name.startsWith('embs'))).toEqual([
      'embs_norm_0.npy',
      'embs_norm_1.npy',
      'embs_norm_2.npy',
    ])
    const lengths = (await embeddingsIn(inFolder('split'))).flatMap(({ embeddings, dim }) =>
      Array.from({ length: embeddings.length / dim }, (_, row) =>
        Math.hypot(...embeddings.subarray(row * dim, (row + 1) * dim)),
      ),
    )
    expect(lengths.length).toBe(60)
    for (const length of lengths) expect(length).toBeCloseTo(1, 5)

    await facekit(extractArgs('--output', inFolder('batches'), '--no-merge-embs', '--batch-size', '16'))
    const files = readdirSync(inFolder('batches')).filter((name) => name.startsWith('embs_'))
    expect(files).toEqual(['embs_0.npy', 'embs_1.npy', 'embs_2.npy', 'embs_3.npy'])
  })

  it('lists what fails, goes on, and exits with 1 only with --strict', async () => {
    const list = inFolder('list.txt')
    writeFileSync(list, `album/person_0/0.bmp\r\nmissing.jpg\r\nlist.txt\r\n\r\nalbum/person_1/0.bmp\r\n`)
    const args = ['extract', '--input', list, '--weights', model, '--output', inFolder('failed')]
    const { status, stderr } = await facekit(args)
    expect(status).toBe(0)
    expect(stderr).toContain('Embedded 2 of 4 images, 2 failed')
    const lines = readFileSync(inFolder('failed', 'failed.ndjson'), 'utf8').trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { index: 1, path: inFolder('missing.jpg'), reason: 'no such file' },
      { index: 2, path: list },
    ])
    const [batch] = await embeddingsIn(inFolder('failed'))
    expect([...batch!.indices]).toEqual([0, 3])
    expect((await facekit([...args, '--overwrite', '--strict'])).status).toBe(1)
  })

  it('takes an image whose embedding is no numbers for one that failed', async () => {
    writeLogModel(inFolder('log.onnx'))
    mkdirSync(inFolder('dark'))
    const bmp = readFileSync(join(album, 'person_0/0.bmp'))
    writeFileSync(inFolder('dark', 'b.bmp'), bmp.fill(0, 54))
    const args = [
      'extract',
      '--weights',
      inFolder('log.onnx'),
      '--pixel-mean',
      '0',
      '--pixel-std',
      '1',
      '--json',
    ]
    const all = await facekit([...args, '--input', inFolder('dark'), '--output', inFolder('no-numbers')])
    expect(all.stderr).toContain('b.bmp: its embedding holds NaN or infinity. Nothing is written')
    expect(all.status).toBe(3)

    cpSync(join(album, 'person_0/1.bmp'), inFolder('dark', 'a.bmp'))
    const some = await facekit([
      ...args,
      '--input',
      inFolder('dark'),
      '--output',
      inFolder('no-numbers'),
      '--strict',
    ])
    expect(JSON.parse(some.stdout)).toMatchObject({ images: 2, embedded: 1, failed: 1 })
    expect(some.status).toBe(1)
    expect(readFileSync(inFolder('no-numbers', 'failed.ndjson'), 'utf8')).toBe(
      `${JSON.stringify({ index: 1, path: inFolder('dark', 'b.bmp'), reason: 'its embedding holds NaN or infinity' })}\n`,
    )
  })

  it('reads a list from stdin', async () => {
    const paths = Buffer.from(`${join(album, 'person_2/1.bmp')}\n${join(album, 'person_2/2.bmp')}`)
    const args = ['extract', '--input', '-', '--weights', model, '--output', inFolder('stdin')]
    const { status } = await builtFacekit(args, { stdin: paths })
    expect(status).toBe(0)
    expect((await embeddingsIn(inFolder('stdin')))[0]!.paths).toHaveLength(2)
  })

  it.each([
    ['a substituted pipe', '"$@" --input <(cat "$LIST")'],
    ['/dev/stdin', 'cat "$LIST" | "$@" --input /dev/stdin'],
    ['a named pipe', 'mkfifo "$LIST.pipe"; cat "$LIST" > "$LIST.pipe" & "$@" --input "$LIST.pipe"'],
  ])('reads every line of a list that is %s', async (_what, script) => {
    const lines = 3000
    const list = inFolder('lines.txt')
    writeFileSync(list, `${join(album, 'person_0/0.bmp')}\n${'/no/such.jpg\n'.repeat(lines - 1)}`)
    const args = [
      'extract',
      '--weights',
      model,
      '--output',
      inFolder('lines'),
      '--json',
      '--batch-size',
      '100',
      '--overwrite',
    ]
    const { status, stdout, stderr } = await shell(`LIST='${list}'; ${script}`, ...args)
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ images: lines, failed: lines - 1 })
  })

  it('writes a set without rows, of the model’s dim, for a list without images', async () => {
    const output = inFolder('no-images')
    const list = inFolder('no-images.txt')
    writeFileSync(list, '')
    const args = ['extract', '--input', list, '--weights', model, '--use_l2_norm']
    expect((await facekit([...args, '--output', output])).status).toBe(0)
    expect(readdirSync(output)).toContain('final_embs_norm.npy')
    expect(await openFileSet(output)).toMatchObject({ rows: 0, dim: 192, normalized: true })

    const labels = inFolder('no-images-labels')
    const { status, stderr } = await facekit(['cluster', '--output', labels], await streamOf(args))
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('0 embeddings of 192 numbers')
  })

  it('refuses a list of which no image can be read, with the first reason, and leaves what is there', async () => {
    const output = inFolder('unmounted')
    await facekit(extractArgs('--output', output))
    const before = contents(output)
    const list = inFolder('unmounted.txt')
    writeFileSync(list, 'missing.jpg\nlist.txt\n')
    const args = ['extract', '--input', list, '--weights', model]
    const { status, stderr } = await facekit([...args, '--output', output, '--overwrite'])
    expect(stderr).toContain(`all of them failed, the first, ${inFolder('missing.jpg')}: no such file`)
    expect(stderr).toContain('[NONE_EMBEDDED]')
    expect(status).toBe(3)
    expect(contents(output)).toEqual(before)
    // A pipe has no end marker then.
    const { stderr: said } = await facekit(
      ['cluster', '--output', inFolder('unmounted-labels')],
      await streamOf(args),
    )
    expect(said).toContain('[ARROW_TRUNCATED]')
  })

  it('refuses a folder without images, and leaves what an earlier run wrote', async () => {
    const output = inFolder('kept')
    await facekit(extractArgs('--output', output))
    mkdirSync(inFolder('hollow', 'below'), { recursive: true })
    const args = ['extract', '--input', inFolder('hollow'), '--weights', model, '--output', output]
    const { status, stderr } = await facekit(args)
    expect([status, stderr]).toEqual([3, expect.stringContaining('[INPUT_EMPTY]')])
    expect((await openFileSet(output)).rows).toBe(60)
  })

  it('removes what an earlier run left of a larger set, and says so', async () => {
    const output = inFolder('again')
    await facekit(extractArgs('--output', output, '--split-threshold', '25'))
    const { stderr } = await facekit(extractArgs('--output', output, '--overwrite'))
    expect(stderr).toContain('Removed 9 files of an earlier run')
    expect((await openFileSet(output)).rows).toBe(60)
  })

  it.each([
    ['a missing input', ['--input', 'nowhere', '--weights'], 'INPUT_MISSING', 3],
    ['a missing model', ['--input', album, '--weights', 'no.onnx'], 'MODEL_FILE', 3],
    ['no model', ['--input', '.'], 'OPTION', 2],
    ['a batch size of 0', ['--weights', 'm.onnx', '--batch-size', '0'], 'OPTION', 2],
  ])('refuses %s with a code and writes nothing', async (_case, args, code, expected) => {
    const output = inFolder('refused')
    const withModel = args.at(-1) === '--weights' ? [...args, model] : args
    const { status, stderr, stdout } = await facekit(['extract', ...withModel, '--output', output])
    expect(stderr).toContain(`[${code}]`)
    expect(status).toBe(expected)
    expect(stdout).toBe('')
    expect(existsSync(output)).toBe(false)
  })

  it('lists the dimensions that the model has when asked for another', async () => {
    const { status, stderr } = await facekit(extractArgs('--output', inFolder('dim'), '--emb-dim', '512'))
    expect(status).toBe(3)
    expect(stderr).toMatch(/dimension 512 .*embedding \(float32 N×192, dimension 192\)/)
  })
})

describe('cluster', () => {
  const embeddings = inFolder('embeddings')
  beforeAll(async () => {
    await facekit(extractArgs('--output', embeddings))
  })

  it('finds the people and the duplicates, in the contract’s files', async () => {
    const output = inFolder('labels')
    const { status, stderr, stdout } = await facekit([
      'cluster',
      '--input',
      embeddings,
      '--output',
      output,
      '--json',
    ])
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      images: 60,
      classes: PEOPLE,
      duplicates: DUPLICATES,
      labelled: 60 - DUPLICATES,
      unusable: 0,
    })
    expect(readFileSync(join(output, 'clustering_result.txt'), 'utf8')).toBe(
      'Cluster distribution:\n Size 4: 3 group(s)\n Size 5: 9 group(s)\nRemoved 3 duplicate images\n',
    )
    const records: LabelRecord[] = []
    for await (const some of readLabelRecords(join(output, 'fr_train_12_class_57_data_data_list.npy'))) {
      records.push(...some)
    }
    const classesOf = (person: number) =>
      new Set(
        records
          .filter(({ file_path }) => file_path.includes(`person_${person}/`))
          .map(({ folder }) => folder),
      )
    for (let person = 0; person < PEOPLE; person++) expect(classesOf(person).size).toBe(1)
    // The copy came last, so the first picture stays.
    expect(records.some(({ file_path }) => file_path.endsWith('person_0/0.bmp'))).toBe(true)
    expect(records.some(({ file_path }) => file_path.endsWith('person_0/4.bmp'))).toBe(false)
    const duplicates: string[][] = []
    for await (const some of csvRecords(join(output, 'duplicates.csv')))
      duplicates.push(...some.map(({ fields }) => fields))
    const copied = [0, 4, 8].map((person) => join(album, `person_${person}`))
    expect(duplicates.slice(1).map(([removed, kept]) => [removed, kept])).toEqual(
      copied.sort().map((person) => [join(person, '4.bmp'), join(person, '0.bmp')]),
    )
    expect(duplicates.map(([, , cosine]) => cosine)).toEqual(['cosine', '1.000000', '1.000000', '1.000000'])
    expect(readdirSync(join(output, 'group_0000')).map((file) => file.replace(/\d\.jpg$/, ''))).toEqual([
      '01_typical_',
      '02_typical_',
      '03_typical_',
      '04_atypical_',
      '05_atypical_',
    ])
  })

  it('gives the same files as a pipe, byte for byte', async () => {
    const files = inFolder('by-files')
    const piped = inFolder('by-pipe')
    await facekit(['cluster', '--input', embeddings, '--output', files])
    const { writer, reader } = pipe(extractArgs(), ['cluster', '--output', piped])
    const [wrote, read] = await Promise.all([outcomeOfStderr(writer), outcomeOf(reader)])
    expect([wrote, read.status], read.stderr).toEqual([0, 0])
    expect(contents(piped)).toEqual(contents(files))
  })

  it('takes the place of what an earlier run made, says so, and lets nothing of the user’s go', async () => {
    const output = inFolder('rerun')
    const args = ['cluster', '--input', embeddings, '--output', output, '--save_groups', '3']
    expect((await facekit(args)).status).toBe(0)
    const first = readdirSync(output)
    const again = await facekit([...args, '--no-remove_duplicates', '--save_groups=2'].toSpliced(5, 2))
    expect(again.stderr).toContain(
      'Removed 3 files of an earlier run: duplicates.csv, fr_train_12_class_57_data_classes.npy, fr_train_12_class_57_data_data_list.npy',
    )
    expect(readdirSync(output)).toEqual(
      first
        .filter((name) => name !== 'group_0002' && name !== 'duplicates.csv')
        .map((name) => name.replace('class_57', 'class_60')),
    )

    writeFileSync(join(output, 'group_0001', 'notes.txt'), 'mine')
    const before = contents(output)
    const { status, stderr } = await facekit(args)
    expect(stderr).toMatch(
      /group_0001 but what stands there holds notes\.txt.* Move it away.*\[OUTPUT_EXISTS\]/,
    )
    expect(status).toBe(3)
    expect(contents(output)).toEqual(before)
  })

  it('takes both spellings of every flag', async () => {
    const labels = async (name: string, ...flags: string[]) => {
      const { status, stderr } = await facekit([
        'cluster',
        '--input',
        embeddings,
        '--output',
        inFolder(name),
        ...flags,
      ])
      expect(status, stderr).toBe(0)
      return contents(inFolder(name))
    }
    const snake = await labels(
      'snake',

      '--cluster_thresh',
      '0.8',
      '--duplicate_thresh=0.95',
      '--topK',
      '3',
      '--save_groups',
      '2',
      '--no-use_gpu',
      '--no-remove_duplicates',
      '--batch',
      '100',
    )
    const kebab = await labels(
      'kebab',

      '--cluster-thresh=0.8',
      '--duplicate-thresh',
      '0.95',
      '--top-k',
      '3',
      '--save-groups=2',
      '--no-use-gpu',
      '--no-remove-duplicates',
    )
    expect(kebab).toEqual(snake)
    expect(snake.get('clustering_result.txt')).toBe(kebab.get('clustering_result.txt'))
    expect(Buffer.from(snake.get('clustering_result.txt')!, 'base64').toString()).not.toContain('Removed')
    expect([...snake.keys()].filter((name) => name.startsWith('group_0002'))).toEqual([])
  })

  it('says which engine it took, and both give the same labels', async () => {
    const { stderr } = await facekit(['cluster', '--input', embeddings, '--output', inFolder('auto')])
    expect(stderr).toContain('search: exact, int8 tiles')
    await facekit(['cluster', '--input', embeddings, '--output', inFolder('tiles'), '--engine', 'tiles'])
    expect(contents(inFolder('tiles'))).toEqual(contents(inFolder('auto')))
  })

  it('explains what is wrong with its input', async () => {
    mkdirSync(inFolder('nothing'))
    const empty = await facekit(['cluster', '--input', inFolder('nothing'), '--output', inFolder('none')])
    expect(empty.status).toBe(3)
    expect(empty.stderr).toMatch(/final_fpaths\.npy.*\[FILE_SET_EMPTY\]/)
    expect(existsSync(inFolder('none'))).toBe(false)

    cpSync(embeddings, inFolder('cut'), { recursive: true })
    const whole = readFileSync(join(embeddings, 'final_embs.npy'))
    writeFileSync(inFolder('cut', 'final_embs.npy'), whole.subarray(0, 5000))
    const cut = await facekit(['cluster', '--input', inFolder('cut'), '--output', inFolder('none')])
    expect(cut.status).toBe(3)
    expect(cut.stderr).toMatch(/final_embs\.npy.*\[NPY_TRUNCATED\]/)
  })

  it('takes a stream that ends early for an error, and leaves nothing', async () => {
    const bytes = await streamOf(extractArgs('--batch-size', '8'))
    const output = inFolder('from-cut-stream')
    for (const length of [0, 100, Math.floor(bytes.length / 2), bytes.length - 8, bytes.length - 1]) {
      const { status, stderr } = await facekit(['cluster', '--output', output], bytes.subarray(0, length))
      expect(stderr).toContain('[ARROW_TRUNCATED]')
      expect(status).toBe(3)
      expect(existsSync(output)).toBe(false)
    }
  })

  it('clusters embeddings whose columns stand one after the other', async () => {
    cpSync(embeddings, inFolder('columns'), { recursive: true })
    const bytes = readFileSync(join(embeddings, 'final_embs.npy'))
    const first = 10 + bytes.readUInt16LE(8)
    const [, rows, dim] = /\((\d+), (\d+)\)/.exec(bytes.toString('latin1', 0, first))!.map(Number)
    const columns = Buffer.from(bytes)
    columns.write(bytes.toString('latin1', 10, first - 2).replace('False', 'True '), 10, 'latin1')
    for (let row = 0; row < rows!; row++)
      for (let column = 0; column < dim!; column++)
        columns.writeFloatLE(
          bytes.readFloatLE(first + 4 * (row * dim! + column)),
          first + 4 * (column * rows! + row),
        )
    writeFileSync(inFolder('columns', 'final_embs.npy'), columns)
    const outputs = await Promise.all(
      [embeddings, inFolder('columns')].map(async (input, i) => {
        const output = inFolder(`columns-labels-${i}`)
        const { status } = await facekit(['cluster', '--input', input, '--output', output])
        expect(status).toBe(0)
        return readdirSync(output)
          .filter((name) => name.endsWith('.npy'))
          .map((name) => [name, readFileSync(join(output, name), 'base64')])
      }),
    )
    expect(outputs[0]).toHaveLength(2)
    expect(outputs[1]).toEqual(outputs[0])
  })

  it('reports rows of zeros', async () => {
    cpSync(embeddings, inFolder('zeros'), { recursive: true })
    const bytes = readFileSync(join(embeddings, 'final_embs.npy'))
    const header = 10 + bytes.readUInt16LE(8)
    const images = readFileSync(join(embeddings, 'final_indices.npy'))
    const rowBytes = (bytes.length - header) / ((images.length - 10 - images.readUInt16LE(8)) / 8)
    bytes.fill(0, header + 5 * rowBytes, header + 7 * rowBytes)
    writeFileSync(inFolder('zeros', 'final_embs.npy'), bytes)
    const { status, stderr } = await facekit([
      'cluster',
      '--input',
      inFolder('zeros'),
      '--output',
      inFolder('zeros-labels'),
    ])
    expect(status).toBe(0)
    expect(stderr).toContain('2 embeddings hold nothing but zeros, the first in row 5')
  })

  it('reports rows with NaN, leaves them out and labels the rest', async () => {
    cpSync(embeddings, inFolder('nan'), { recursive: true })
    const bytes = readFileSync(join(embeddings, 'final_embs.npy'))
    bytes.writeFloatLE(NaN, bytes.length - 4)
    writeFileSync(inFolder('nan', 'final_embs.npy'), bytes)
    const { status, stdout, stderr } = await facekit([
      'cluster',
      '--input',
      inFolder('nan'),
      '--output',
      inFolder('nan-labels'),
      '--json',
    ])
    expect(status).toBe(0)
    expect(stderr).toContain('Left out 1 embeddings with NaN or infinite values')
    expect(JSON.parse(stdout)).toMatchObject({ unusable: 1, labelled: 56, classes: PEOPLE })
  })
})

/** Exit status of a program whose stdout is piped elsewhere. */
async function outcomeOfStderr(program: Facekit): Promise<number | null> {
  program.stderr.resume()
  return new Promise((resolve) => program.once('exit', resolve))
}

describe('killed', () => {
  const long = inFolder('long.txt')
  const slow = ['extract', '--input', long, '--weights', model, '--batch-size', '1']
  beforeAll(() => {
    const line = `${join(album, 'person_0/0.bmp')}\n`
    writeFileSync(long, line.repeat(200_000))
  })

  /** Waits until embeddings flow. */
  const underWay = (writer: Facekit) => new Promise((resolve) => writer.stdout.once('data', resolve))
  const visible = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.facekit-')) : []

  it('extract leaves cluster with an error and no labels', async () => {
    const output = inFolder('killed-writer')
    const { writer, reader } = pipe(slow, ['cluster', '--output', output])
    await underWay(writer)
    writer.kill('SIGKILL')
    const { status, stderr } = await outcomeOf(reader)
    expect(stderr).toContain('[ARROW_TRUNCATED]')
    expect(status).toBe(3)
    expect(existsSync(output)).toBe(false)
  })

  it('cluster lets extract end quietly, and leaves no labels', async () => {
    const output = inFolder('killed-reader')
    const { writer, reader } = pipe(slow, ['cluster', '--output', output, '--quiet'])
    const said: string[] = []
    writer.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()))
    await underWay(writer)
    reader.kill('SIGKILL')
    const status = await new Promise((resolve) => writer.once('exit', resolve))
    expect(status).toBe(141)
    expect(said.join('')).not.toMatch(/error|EPIPE/i)
    expect(visible(output)).toEqual([])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGKILL', null],
  ] as const)('by %s, extract leaves no file under its final name', async (signal, expected) => {
    const output = inFolder(`stopped-${signal}`)
    const program = start(...slow, '--output', output, '--split-threshold', '50')
    while (!existsSync(output)) await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 400))
    program.kill(signal)
    const { status } = await outcomeOf(program)
    expect(status).toBe(expected)
    expect(visible(output)).toEqual([])
    if (signal !== 'SIGKILL') expect(existsSync(output)).toBe(false)
  })
})
