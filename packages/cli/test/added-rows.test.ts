import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { EmbeddingBatch } from '@facekit/core'
import { openEdges } from '@facekit/edges'
import { openFileSet, readEmbeddings, shardEmbeddings } from '@facekit/io-npy'
import { KILL_AT, People, rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { search as searchAll } from '../src/index.js'
import { builtFacekit, contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const SHARED = fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url))
const ROWS = 1200

/** The first rows of embeddings, in the place of those that were there. */
async function writeFirst(folder: string, batches: Iterable<EmbeddingBatch>, rows: number): Promise<void> {
  const first: EmbeddingBatch[] = []
  let written = 0
  for (const { indices, paths, embeddings, dim, normalized } of batches) {
    const count = Math.min(indices.length, rows - written)
    if (count <= 0) break
    written += count
    first.push({
      indices: indices.slice(0, count),
      paths: paths.slice(0, count),
      embeddings: embeddings.slice(0, count * dim),
      dim,
      normalized,
    })
  }
  await pipeline(Readable.from(first), shardEmbeddings({ output: folder }))
}

async function batchesOf(folder: string): Promise<EmbeddingBatch[]> {
  return (await readEmbeddings(await openFileSet(folder)).toArray()) as EmbeddingBatch[]
}

async function succeed(...args: string[]): Promise<string> {
  const { status, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  return stderr
}

const search = (input: string, output: string, ...flags: string[]) =>
  succeed('search', '--input', input, '--output', output, ...flags)

describe.each(['2', '8', '100', 'all'])('edges of embeddings that came in steps, with topK %s', (topK) => {
  async function compare(batches: readonly EmbeddingBatch[], rows: number, times: number): Promise<void> {
    const random = seededRandom(topK.length + rows)
    const [whole, all] = [inFolder(`whole-${topK}-${rows}`), inFolder(`all-${topK}-${rows}`)]
    await writeFirst(all, batches, rows)
    await search(all, whole, '--topK', topK)
    for (let round = 0; round < times; round++) {
      const [input, output] = [inFolder(`input-${topK}-${rows}`), inFolder(`output-${topK}-${rows}`)]
      rmSync(output, { recursive: true, force: true })
      const steps = 1 + (round % 5)
      const sizes = Array.from({ length: steps }, () => 1 + Math.floor(random() * (rows - 1)))
      for (const size of [...new Set(sizes)].sort((a, b) => a - b)) {
        await writeFirst(input, batches, size)
        await search(input, output, '--topK', topK)
      }
      const stderr = await search(all, output, '--topK', topK)
      expect(stderr).toMatch(/Taking [\d,]+ edges of the first [\d,]+ embeddings; searching the pairs of the/)
      expect(contents(output), sizes.join(', ')).toEqual(contents(whole))
    }
  }

  it('are those of one search, byte for byte: of people', async () => {
    await compare([...new People(ROWS, 24).batches()], ROWS, rounds(3, 15))
  }, 300_000)

  it.skipIf(!existsSync(SHARED))(
    'are those of one search: of real faces',
    async () => {
      const batches = await batchesOf(join(SHARED, 'embeddings/mobilefacenet-128'))
      const rows = batches.reduce((sum, { indices }) => sum + indices.length, 0)
      await compare(batches, rows, rounds(2, 10))
    },
    300_000,
  )
})

describe('a search of added embeddings', () => {
  const people = new People(ROWS, 16)
  const [first, all] = [inFolder('first'), inFolder('all')]
  const [before, output, whole] = [inFolder('before'), inFolder('output'), inFolder('whole')]

  beforeAll(async () => {
    await writeFirst(first, people.batches(), 1000)
    await writeFirst(all, people.batches(), ROWS)
    await search(first, before)
    await search(all, whole)
  })

  const begin = () => {
    rmSync(output, { recursive: true, force: true })
    cpSync(before, output, { recursive: true, preserveTimestamps: true })
  }

  it.each<[string, string, string[]]>([
    ['of a smaller topK', 'they are of topK 100, and 1000 is asked for', ['--topK', '1000']],
    ['from a higher floor', 'they begin at a cosine of 0.5, and 0.4 is asked for', ['--floor', '0.4']],
  ])('searches all where edges are %s, and says why', async (_case, why, flags) => {
    begin()
    const stderr = await search(all, output, ...flags)
    expect(stderr).toContain(`The edges in ${output} do not serve: ${why}. Searching all pairs`)
    expect(stderr).not.toContain('Taking')
  })

  it('searches all where edges were changed', async () => {
    begin()
    flip(join(output, 'edges_0.parquet'))
    const stderr = await search(all, output)
    expect(stderr).toMatch(/do not serve: .*edges_0\.parquet.*Searching all pairs/)
    expect(contents(output)).toEqual(contents(whole))
  })

  it('searches all where the embeddings before are others, were it by one bit', async () => {
    begin()
    const others = inFolder('others')
    await writeFirst(others, people.batches(), ROWS)
    flip(join(others, 'final_embs.npy'), 128 + 4 * 16 * 500)
    const stderr = await search(others, output)
    expect(stderr).toContain('they are of embeddings with other numbers. Searching all pairs')
    expect(stderr).not.toContain('Taking')
  })

  it('takes those of a lower floor and a larger topK as far as they are asked for', async () => {
    const [low, small, expected] = [inFolder('low'), inFolder('small'), inFolder('expected')]
    await search(first, low, '--floor', '0.3', '--topK', 'all')
    for (const flags of [
      ['--floor', '0.6'],
      ['--topK', '3'],
      ['--floor', '0.7', '--topK', '2'],
    ]) {
      for (const folder of [small, expected]) rmSync(folder, { recursive: true, force: true })
      cpSync(low, small, { recursive: true })
      expect(await search(all, small, ...flags)).toContain('Taking')
      await search(all, expected, ...flags)
      expect(contents(small)).toEqual(contents(expected))
    }
  })

  it('is gone on with after any death, to the same bytes', async () => {
    const random = seededRandom(91)
    const args = ['search', '--input', all, '--output', output, '--resume']
    for (let round = 0; round < rounds(4, 30); round++) {
      begin()
      let killed = 0
      for (let lives = 0; lives < 3; lives++) {
        const env = {
          FACEKIT_CHECKPOINT_MS: '0',
          NODE_OPTIONS: `--import=${KILL_AT}`,
          FACEKIT_KILL_AT: String(1 + Math.floor(random() ** 2 * 60)),
        }
        if ((await builtFacekit(args, { env })).status === null) killed++
      }
      await succeed(...args)
      expect(contents(output), `round ${round}, killed ${killed} times`).toEqual(contents(whole))
    }
  }, 300_000)

  it('is done by cluster in the folder of its labels, from the floor that its edges had', async () => {
    const [labels, fresh] = [inFolder('labels'), inFolder('fresh')]
    await succeed('cluster', '--input', first, '--output', labels, '--floor', '0.4')
    expect(await succeed('cluster', '--input', all, '--output', labels)).toContain(
      'embeddings; searching the pairs',
    )
    await succeed('cluster', '--input', all, '--output', fresh, '--floor', '0.4')
    expect(contents(join(labels, 'edges'))).toEqual(contents(join(fresh, 'edges')))
    expect((await openEdges(join(labels, 'edges'))).floor).toBe(Math.fround(0.4))
    expect(await succeed('cluster', '--input', all, '--output', labels)).toContain('taking the edges')
  })
})

it.each(['embeddings of', 'Screening by'])(
  'a search is told that files changed places meanwhile, as an append changes them: after “%s”',
  async (line) => {
    const [input, output] = [inFolder('moved'), inFolder('of-moved')]
    for (const folder of [input, output]) rmSync(folder, { recursive: true, force: true })
    await writeFirst(input, new People(20_000, 64).batches(), 20_000)
    const talk = {
      info(text: string) {
        const from = join(input, 'final_embs.npy')
        if (text.includes(line) && existsSync(from)) renameSync(from, join(input, 'embs_0.npy'))
      },
      warn() {},
      progress() {},
    }
    const options = { input, output, memoryLimit: 32 * 2 ** 20, threads: 1 }
    await expect(searchAll(options, talk)).rejects.toMatchObject({ code: 'FILE_SET_CHANGED' })
    expect(existsSync(join(output, 'edges.json'))).toBe(false)
  },
)

/** Changes a bit. */
function flip(file: string, at = 200): void {
  const bytes = readFileSync(file)
  bytes[at]! ^= 1
  writeFileSync(file, bytes)
}
