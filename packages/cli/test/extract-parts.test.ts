import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { openFileSet, readEmbeddings } from '@facekit/io-npy'
import { KILL_AT, rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { shareOfPart } from '../src/extract/part-output.js'
import { drawAlbum, writeBlockModel, writeLogModel } from './album.js'
import { builtFacekit, contents, facekit, outcomeOf, startWith, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const list = inFolder('list.txt')
const IMAGES = 331

beforeAll(() => {
  drawAlbum(album, 9, 5)
  writeBlockModel(model)
  const pictures = readdirSync(album, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bmp'))
    .sort()
  const lines = Array.from({ length: IMAGES }, (_, i) =>
    join(album, i % 7 === 3 ? `missing-${i}.bmp` : pictures[i % pictures.length]!),
  )
  writeFileSync(list, `# the album, several times\n${lines.join('\n')}\n`)
})

const args = (output: string, ...flags: string[]) => [
  'extract',
  '--input',
  list,
  '--weights',
  model,
  '--output',
  output,
  ...flags,
]

async function succeed(words: string[]): Promise<string> {
  const { status, stderr } = await facekit(words)
  expect(status, stderr).toBe(0)
  return stderr
}

/** All rows of a set, whatever files they are in. */
async function rowsIn(folder: string) {
  const rows: unknown[] = []
  for await (const { indices, paths, embeddings, dim } of readEmbeddings(await openFileSet(folder))) {
    paths.forEach((path, i) => {
      const bytes = Buffer.from(embeddings.slice(i * dim, (i + 1) * dim).buffer)
      rows.push([indices[i], path, createHash('sha256').update(bytes).digest('hex')])
    })
  }
  return rows
}

const failuresIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('failed.ndjson'))
    .sort((a, b) => Number(/_(\d+)_/.exec(a)?.[1] ?? 0) - Number(/_(\d+)_/.exec(b)?.[1] ?? 0))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')

async function extractParts(output: string, of: number, random: () => number, ...flags: string[]) {
  const numbers = Array.from({ length: of }, (_, number) => ({ number, at: random() }))
  for (const { number } of numbers.sort((a, b) => a.at - b.at))
    await succeed([...args(output, '--part', `${number}/${of}`), ...flags])
}

async function labelsOf(embeddings: string) {
  const labels = `${embeddings}-labels`
  await succeed(['cluster', '--input', embeddings, '--output', labels, '--save-groups', '0'])
  return [...contents(labels)].filter(([name]) => !name.startsWith('.') && !name.includes('/.'))
}

describe('parts', () => {
  it.each([1, 2, 7, 64])('of a list in %i are the rows, failures and labels of one run', async (of) => {
    const random = seededRandom(of)
    if (!existsSync(inFolder('whole'))) await succeed(args(inFolder('whole')))
    const output = inFolder(`list-${of}`)
    await extractParts(output, of, random)
    expect(await rowsIn(output)).toEqual(await rowsIn(inFolder('whole')))
    expect(failuresIn(output)).toBe(failuresIn(inFolder('whole')))
    expect(await labelsOf(output)).toEqual(await labelsOf(inFolder('whole')))
    // A set as the contract has it: numbered from 0 without gaps.
    for (let shard = 0; shard < of; shard++)
      for (const name of ['fpaths', 'indices', 'embs'])
        expect(existsSync(join(output, `${name}_${shard}.npy`))).toBe(true)
    expect(existsSync(join(output, `embs_${of}.npy`))).toBe(false)
  })

  it('have several shards each, as many as the largest needs', async () => {
    const output = inFolder('shards')
    await extractParts(output, 3, seededRandom(3), '--split-threshold', '20')
    expect(await rowsIn(output)).toEqual(await rowsIn(inFolder('whole')))
    expect(readdirSync(output).filter((name) => name.startsWith('embs_'))).toHaveLength(
      3 * Math.ceil(112 / 20),
    )
    const unmerged = inFolder('unmerged')
    await extractParts(unmerged, 2, seededRandom(3), '--no-merge-embs', '--batch-size', '16')
    expect((await openFileSet(unmerged)).shards).toHaveLength(2 * Math.ceil(176 / 16))
  })

  it('of a folder follow the list that the first one wrote', async () => {
    const pictures = inFolder('pictures')
    cpSync(album, pictures, { recursive: true })
    const extract = (output: string, ...flags: string[]) =>
      succeed(['extract', '--input', pictures, '--weights', model, '--output', output, ...flags])
    await extract(inFolder('folder-whole'))
    const output = inFolder('folder')
    expect(await extract(output, '--part', '1/2')).toContain('Wrote the list of 45 images')
    copyFileSync(join(pictures, 'person_0/0.bmp'), join(pictures, 'a-new-one.bmp'))
    expect(await extract(output, '--part', '0/2')).not.toContain('Wrote')
    expect(await rowsIn(output)).toEqual(await rowsIn(inFolder('folder-whole')))
  })

  it('that begin at once agree on one list', async () => {
    const output = inFolder('at-once')
    const outcomes = await Promise.all(
      [0, 1, 2, 3].map((number) => builtFacekit(args(output, '--part', `${number}/4`))),
    )
    for (const { status, stderr } of outcomes) expect(status, stderr).toBe(0)
    expect(outcomes.filter(({ stderr }) => stderr.includes('Wrote the list'))).toHaveLength(1)
    expect(await rowsIn(output)).toEqual(await rowsIn(inFolder('whole')))
  })

  it('that are killed go on with the same bytes', { timeout: 600_000 }, async () => {
    const whole = inFolder('killed-whole')
    await extractParts(whole, 2, seededRandom(5), '--split-threshold', '60')
    const random = seededRandom(6)
    const stride = rounds(60, 8)
    for (let step = 1 + Math.floor(random() * stride); ; step += 1 + Math.floor(random() * 2 * stride)) {
      const output = inFolder(`killed-${step}`)
      const flags = args(output, '--part', '1/2', '--split-threshold', '60')
      const env = {
        FACEKIT_KILL_AT: String(step),
        FACEKIT_CHECKPOINT_MS: '0',
        NODE_OPTIONS: `--import ${KILL_AT}`,
      }
      const program = startWith(env, ...flags)
      const { status, stderr } = await outcomeOf(program)
      if (status === 0) break
      expect(program.signalCode, stderr).toBe('SIGKILL')
      await succeed([...flags, '--resume'])
      for (const [name, content] of contents(output))
        if (name.endsWith('.npy') || name.endsWith('.ndjson'))
          expect(readFileSync(join(whole, name), 'base64') === content, name).toBe(true)
      rmSync(output, { recursive: true })
    }
  })

  it('that are there are not made again', async () => {
    const output = inFolder('again')
    await extractParts(output, 2, seededRandom(7))
    const before = contents(output)
    expect(await succeed(args(output, '--part', '1/2', '--resume'))).toContain('Part 1/2 is there already')
    expect(contents(output)).toEqual(before)
  })

  it('without images are empty', async () => {
    const [few, output] = [inFolder('few.txt'), inFolder('few')]
    writeFileSync(few, `${join(album, 'person_0/0.bmp')}\n${join(album, 'person_0/1.bmp')}\n`)
    for (let number = 0; number < 4; number++)
      await succeed([
        'extract',
        '--input',
        few,
        '--weights',
        model,
        '--output',
        output,
        '--part',
        `${number}/4`,
      ])
    expect((await openFileSet(output)).shards.map(({ rows }) => rows)).toEqual([0, 0, 0, 2])
  })
})

describe('of a set in parts', () => {
  const complete = inFolder('complete')
  beforeAll(async () => extractParts(complete, 3, seededRandom(9)))

  async function refused(name: string, change: (folder: string) => void, code: string, message: RegExp) {
    const folder = inFolder(name)
    cpSync(complete, folder, { recursive: true, preserveTimestamps: true })
    change(folder)
    const { status, stderr } = await facekit(['cluster', '--input', folder, '--output', `${folder}-labels`])
    expect([status, stderr]).toEqual([3, expect.stringMatching(message)])
    expect(stderr).toContain(`[${code}]`)
    expect(existsSync(`${folder}-labels`)).toBe(false)
  }

  const removePart = (folder: string, number: number) => {
    for (const name of readdirSync(folder))
      if (name.includes(`part_${number}_of_3`) || name.endsWith(`s_${number}.npy`)) rmSync(join(folder, name))
  }

  it('a missing part is named, also the last one', async () => {
    for (const number of [1, 2])
      await refused(
        `without-${number}`,
        (folder) => removePart(folder, number),
        'PART_MISSING',
        new RegExp(
          `all 3 parts of the embeddings .* but part ${number} is missing.*facekit extract … --part ${number}/3`,
        ),
      )
  })

  it('a shard that is cut, or of another run, is named', async () => {
    const cut = (folder: string) => truncateSync(join(folder, 'embs_1.npy'), 1000)
    await refused('cut-shard', cut, 'PART_DAMAGED', /embs_1\.npy .* it has 1000 bytes of \d+/)
    const added = (folder: string) => {
      for (const part of ['embs', 'fpaths', 'indices'])
        copyFileSync(join(folder, `${part}_0.npy`), join(folder, `${part}_3.npy`))
    }
    await refused(
      'added-shard',
      added,
      'PART_OTHER',
      /(embs|fpaths|indices)_3\.npy is of none of the parts there/,
    )
  })

  it('a part by another model, or of other options, is named', async () => {
    const other = inFolder('logarithms.onnx')
    writeLogModel(other)
    const output = inFolder('mixed')
    await succeed(args(output, '--part', '0/2', '--batch-size', '8'))
    const words = ['extract', '--input', list, '--weights', other, '--part', '1/2', '--output']
    const difference = /the model was .* and is .*--batch-size was 8 and is 4/
    const { status, stderr } = await facekit([...words, output])
    expect([status, stderr]).toEqual([
      3,
      expect.stringMatching(/part 0\/2 is there, and for 1\/2 .*PART_OTHER/),
    ])
    expect(stderr).toMatch(difference)
    // Brought here from elsewhere, it is named by whoever reads the set.
    await succeed([...words, inFolder('foreign')])
    for (const name of readdirSync(inFolder('foreign')))
      if (/_1(?:_of_2.*)?\.(?:npy|json|ndjson)$/.test(name))
        copyFileSync(inFolder('foreign', name), join(output, name))
    const read = await facekit(['cluster', '--input', output, '--output', inFolder('mixed-labels')])
    expect([read.status, read.stderr]).toEqual([3, expect.stringMatching(/of part 1\/2 .*PART_OTHER/)])
    expect(read.stderr).toMatch(difference)
  })

  it('another list is refused by the next part', async () => {
    const [changing, output] = [inFolder('changing.txt'), inFolder('changing')]
    copyFileSync(list, changing)
    const part = (number: number) =>
      facekit([
        'extract',
        '--input',
        changing,
        '--weights',
        model,
        '--output',
        output,
        '--part',
        `${number}/2`,
      ])
    expect((await part(0)).status).toBe(0)
    // Touched alone, it is the same.
    utimesSync(changing, 1e9, 1e9)
    expect((await part(1)).status).toBe(0)
    rmSync(join(output, 'part_1_of_2.json'))
    appendFileSync(changing, join(album, 'person_0/0.bmp'))
    const { status, stderr } = await part(1)
    expect([status, stderr]).toEqual([
      3,
      expect.stringMatching(/the size of the list was \d+ and is \d+.*\[LIST_CHANGED\]/),
    ])
  })

  it('a written list that was changed is refused', async () => {
    const output = inFolder('damaged-list')
    await succeed(args(output, '--part', '0/2'))
    const file = join(output, 'list.ndjson')
    writeFileSync(file, readFileSync(file, 'utf8').replace('person_1', 'person_2'))
    const { status, stderr } = await facekit(args(output, '--part', '1/2'))
    expect([status, stderr]).toEqual([
      3,
      expect.stringMatching(/list\.ndjson but lines from 1 on are not as they were written.*INPUT_LIST/),
    ])
  })

  it.each([
    [['--part', '0/4'], /0\/3 is there, and 0\/4 is to be made.*PART_OTHER/],
    [[], /parts of them are there\. Give --part, or choose another folder/],
    [['--part', '0/3', '--retry-failed'], /--part or --retry-failed, not both/],
    [['--retry-failed'], /one of 3 parts\. Make those parts anew/],
  ])('extract %j into its folder is refused', async (flags, message) => {
    const { status, stderr } = await facekit(args(complete, ...flags))
    expect([status, stderr]).toEqual([
      expect.toSatisfy((code) => code === 2 || code === 3),
      expect.stringMatching(message),
    ])
  })

  it('a file that has the name of one of its shards stops a part before its work', async () => {
    const output = inFolder('own-shard')
    mkdirSync(output)
    writeFileSync(join(output, 'embs_1.npy'), 'mine')
    expect((await facekit(args(output, '--part', '0/2'))).status).toBe(0)
    const { status, stderr } = await facekit(args(output, '--part', '1/2'))
    expect([status, stderr]).toEqual([3, expect.stringMatching(/embs_1\.npy .*facekit did not make/)])
    expect(stderr).not.toContain('Part 1/2:')
    const whole = inFolder('own-set')
    mkdirSync(whole)
    writeFileSync(join(whole, 'final_embs.npy'), 'mine')
    expect((await facekit(args(whole, '--part', '0/2'))).stderr).toMatch(/a whole set is there/)
  })

  it('no part is made beside a whole set, of what can be read once, or into a pipe', async () => {
    await succeed(args(inFolder('one-set')))
    expect((await facekit(args(inFolder('one-set'), '--part', '0/2'))).stderr).toMatch(/a whole set is there/)
    const from = ['extract', '--weights', model, '--part', '0/2']
    const stdin = await facekit([...from, '--input', '-', '--output', inFolder('from-stdin')])
    expect([stdin.status, stdin.stderr]).toEqual([
      2,
      expect.stringMatching(/a folder or a list for --part but received -/),
    ])
    const pipe = await facekit([...from, '--input', list, '--output', '-'])
    expect([pipe.status, pipe.stderr]).toEqual([2, expect.stringMatching(/Expected --output for --part/)])
  })

  it('relative inputs are of the working directory that the first part was in', async () => {
    const here = relative('.', list)
    const output = inFolder('relative')
    const words = ['extract', '--input', here, '--weights', model, '--output', output]
    await succeed([...words, '--part', '0/2'])
    await succeed([...words, '--part', '1/2'])
    expect(await rowsIn(output)).toHaveLength((await rowsIn(inFolder('whole'))).length)
  })
})

describe('shares', () => {
  it('are whole batches, of one length but for one, and all of the list', () => {
    const random = seededRandom(11)
    const below = (most: number) => Math.floor(random() * most)
    for (let round = 0; round < 2000; round++) {
      const [entries, batchSize, rowsPerShard, of] = [
        below(5000),
        1 + below(130),
        1 + below(900),
        1 + below(80),
      ]
      let next = 0
      for (let number = 0; number < of; number++) {
        const { first, end, firstShard, shards } = shareOfPart(
          { number, of },
          entries,
          batchSize,
          rowsPerShard,
        )
        expect(first).toBe(next)
        expect(first % batchSize === 0 || first === entries).toBe(true)
        expect(end - first).toBeLessThanOrEqual(batchSize * Math.ceil(Math.ceil(entries / batchSize) / of))
        expect(end - first).toBeLessThanOrEqual(shards * rowsPerShard)
        expect(firstShard).toBe(number * shards)
        next = end
      }
      expect(next).toBe(entries)
    }
  })
})
