import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFileSet, readEmbeddings } from '@facekit/io-npy'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { countImages } from '../src/extract/count-images.js'
import { firstPictures } from '../src/weights/first-pictures.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { contents, facekit, shell, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const model = inFolder('blocks.onnx')

beforeAll(() => {
  drawAlbum(inFolder('album'), 2, 3)
  writeBlockModel(model)
})

/** Runs `extract` into a folder of that name. */
const extract = async (input: string, output: string, ...more: string[]) =>
  facekit(['extract', '--input', input, '--weights', model, '--output', inFolder(output), ...more])

function failedOf(output: string): { index: number; path: string; reason: string }[] {
  const lines = readFileSync(inFolder(output, 'failed.ndjson'), 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as { index: number; path: string; reason: string })
}

async function pathsOf(output: string): Promise<string[]> {
  const batches = await readEmbeddings(await openFileSet(inFolder(output))).toArray()
  return batches.flatMap(({ paths }) => paths)
}

function list(name: string, lines: readonly string[]): string {
  writeFileSync(inFolder(name), lines.map((line) => `${line}\n`).join(''))
  return inFolder(name)
}

/** A folder of which one folder cannot be listed, also by root: its path is too long. */
function withLongPath(name: string): string {
  const deep = (root: string) => inFolder(root, ...Array<string>(12).fill('x'.repeat(200)))
  mkdirSync(deep(`${name}-inner`), { recursive: true })
  mkdirSync(deep(`${name}/m`), { recursive: true })
  renameSync(inFolder(`${name}-inner`), join(deep(`${name}/m`), 'inner'))
  // Back, so that it can be removed.
  onTestFinished(() => renameSync(join(deep(`${name}/m`), 'inner'), inFolder(`${name}-inner`)))
  drawAlbum(inFolder(name), 1, 2)
  return inFolder(name)
}

describe('extract of a folder', () => {
  it('goes on where a folder in it cannot be listed: a warning, and an image that failed', async () => {
    const crops = withLongPath('crops')
    const { status, stderr } = await extract(crops, 'unlisted', '--strict')
    expect(stderr).toMatch(/x+: a folder that cannot be listed: its path is too long\n/)
    expect(stderr).toContain('Embedded 2 of 3 images, 1 failed')
    expect(status).toBe(1)
    expect(failedOf('unlisted')).toMatchObject([
      { index: 0, reason: 'a folder that cannot be listed: its path is too long' },
    ])
    expect(await pathsOf('unlisted')).toEqual([0, 1].map((i) => join(crops, `person_0/${i}.bmp`)))
    expect(await new Promise((resolve) => countImages(crops, undefined, resolve))).toBe(3)

    const stream = await facekit(['extract', '--input', crops, '--weights', model])
    expect(stream.stderr.match(/cannot be listed/g)).toHaveLength(1)
  })

  it('says what it passes over', async () => {
    drawAlbum(inFolder('mixed'), 1, 1)
    for (const sub of ['.ipynb_checkpoints', '@eaDir']) mkdirSync(inFolder('mixed', sub))
    for (const name of ['a.heic', 'a.txt', 'b.txt', 'c.txt', 'b.HEIC', '.ipynb_checkpoints/0-checkpoint.bmp'])
      writeFileSync(inFolder('mixed', name), '')
    const { stderr } = await extract(inFolder('mixed'), 'passed-over')
    expect(stderr).toContain(
      'Passed over 5 files (2 .heic, 3 .txt), 2 folders (1 .ipynb_checkpoints, 1 @eaDir)\n',
    )
    expect(stderr).toContain('Embedded 1 of 1 images')
    expect((await extract(inFolder('album'), 'nothing-over')).stderr).not.toContain('Passed over')

    mkdirSync(inFolder('heic'))
    writeFileSync(inFolder('heic', 'a.heic'), '')
    expect((await extract(inFolder('heic'), 'heic-out')).stderr).toMatch(
      /there are none.*passed over: 1 file \(1 \.heic\).*\[INPUT_EMPTY\]/,
    )
  })
})

describe('extract of a list', () => {
  const columns = () =>
    list('columns.csv', ['path,label', 'album/person_0/0.bmp,0', 'album/person_1/1.bmp,1'])

  it('that nothing can be read of says so after 1,000 lines and at the end, with what would mend it', async () => {
    await extract(inFolder('album'), 'kept')
    const before = contents(inFolder('kept'))
    const labelled = Array.from({ length: 1500 }, (_, i) => `album/person_${i % 2}/0.bmp ${i % 2}`)
    const { status, stderr } = await extract(
      list('labels.txt', labelled),
      'kept',
      '--overwrite',
      '--batch-size',
      '400',
    )
    const first = `${inFolder('album/person_0/0.bmp')} 0: no such file, but column 1 of the line is one: give --list-column 1`
    expect(stderr.match(/None of the first/g)).toHaveLength(1)
    expect(stderr).toContain(`None of the first 1,200 images has an embedding: the first, ${first}\n`)
    expect(stderr).toContain(`Expected embeddings of 1500 images but all of them failed, the first, ${first}`)
    expect([status, stderr]).toEqual([3, expect.stringContaining('[NONE_EMBEDDED]')])
    expect(contents(inFolder('kept'))).toEqual(before)

    // The first line alone says nothing: it is the header.
    expect((await extract(columns(), 'kept', '--overwrite')).stderr).toMatch(
      /path,label: no such file; .*0\.bmp,0: no such file, but column 1 .*\[NONE_EMBEDDED\]/,
    )
    expect(contents(inFolder('kept'))).toEqual(before)
  })

  it('says nothing early where one image has an embedding', async () => {
    const lines = ['album/person_0/0.bmp', ...Array<string>(1100).fill('missing.bmp')]
    const { status, stderr } = await extract(list('mostly.txt', lines), 'mostly', '--batch-size', '100')
    expect(stderr).not.toContain('None of the first')
    expect(status).toBe(0)
  })

  it('takes the column that it is told, also for pictures to compare with', async () => {
    const { status, stderr } = await extract(columns(), 'columns', '--list-column', '1', '--strict')
    expect(stderr).toContain('Passed over 1 line (1 header)')
    expect(status, stderr).toBe(0)
    expect(await pathsOf('columns')).toEqual(
      ['person_0/0.bmp', 'person_1/1.bmp'].map((name) => inFolder('album', name)),
    )
    expect(await new Promise((resolve) => countImages(columns(), 1, resolve))).toBe(2)
    const size = { width: 8, height: 8 }
    expect(await firstPictures({ input: columns(), column: 1 }, 9, size)).toHaveLength(2)
    expect(await firstPictures({ input: columns() }, 9, size)).toHaveLength(0)
    expect((await extract(inFolder('album'), 'columns', '--list-column', '1')).stderr).toContain(
      '[INPUT_LIST]',
    )
    expect((await extract(columns(), 'columns', '--list-column', '0')).status).toBe(2)
  })

  it('writes the paths that were opened', async () => {
    const lines = [
      ' album/person_0/0.bmp ',
      '"album/person_0/1.bmp"',
      `file://${inFolder('album')}/person_0/2.bmp`,
    ]
    expect((await extract(list('dressed.txt', lines), 'dressed')).status).toBe(0)
    expect(await pathsOf('dressed')).toEqual([0, 1, 2].map((i) => inFolder(`album/person_0/${i}.bmp`)))
  })

  it.each([
    ['a substituted pipe', '"$@" --input <(cat list.txt)'],
    ['/dev/stdin', 'cat list.txt | "$@" --input /dev/stdin'],
    ['/dev/stdin, from a file', '"$@" --input /dev/stdin < list.txt'],
    ['-', '"$@" --input - < list.txt'],
    ['a named pipe', 'mkfifo pipes/p; cat list.txt > pipes/p & "$@" --input pipes/p'],
  ])('that is %s has paths from the working directory', async (what, script) => {
    list('list.txt', ['album/person_0/0.bmp'])
    mkdirSync(inFolder('pipes'), { recursive: true })
    const args = ['extract', '--weights', model, '--output', inFolder(what.replaceAll('/', '_'))]
    const { status, stderr } = await shell(`cd '${inFolder()}'; ${script}`, ...args)
    expect(status, stderr).toBe(0)
  })
})
