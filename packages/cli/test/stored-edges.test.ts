import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEdges } from '@facekit/edges'
import { NpyWriter, openNpy } from '@facekit/io-npy'
import { rounds } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { writePeople } from './people.js'
import { contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const SHARED = fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url))

/** Pairs of thresholds: of persons, and of duplicates; undefined keeps these. */
const THRESHOLDS: readonly (readonly [cluster: number, duplicate: number | undefined])[] = [
  [0.5, 0.9],
  [0.55, 0.9],
  [0.6, 0.95],
  [0.62, 0.8],
  [0.65, 0.9],
  [0.7, 0.9],
  [0.72, undefined],
  [0.75, 0.99],
  [0.8, 0.7],
  [0.85, 0.9],
  [0.9, 0.9],
  [1, 1],
]

const flagsOf = ([cluster, duplicate]: (typeof THRESHOLDS)[number]) => [
  `--cluster_thresh=${cluster}`,
  ...(duplicate === undefined ? ['--no-remove_duplicates'] : [`--duplicate_thresh=${duplicate}`]),
]

async function succeed(...args: string[]): Promise<string> {
  const { status, stderr } = await facekit([...args, '--save_groups', '0'].filter(isTaken))
  expect(status, stderr).toBe(0)
  return stderr

  function isTaken(flag: string, at: number, all: readonly string[]) {
    return args[0] !== 'search' || (flag !== '--save_groups' && all[at - 1] !== '--save_groups')
  }
}

/** What labels are made of. */
const labelsIn = (folder: string) =>
  new Map([...contents(folder)].filter(([name]) => !name.startsWith('edges/')))

const REUSED = 'taking the edges of an earlier search from'

describe('labels by other thresholds', () => {
  async function compare(embeddings: string, topK: string, every: number) {
    const [edges, labels, again, whole] = ['edges', 'labels', 'again', 'whole'].map((name) =>
      inFolder(`${name}-${topK}`),
    ) as [string, string, string, string]
    const at = ['--input', embeddings, '--topK', topK]
    await succeed('search', ...at, '--output', edges)
    await succeed('cluster', ...at, '--output', again, '--floor', '0.5')
    let removed = 0
    for (const [i, thresholds] of THRESHOLDS.entries()) {
      if (i % every !== 0) continue
      const flags = flagsOf(thresholds)
      expect(await succeed('cluster', ...at, '--output', whole, '--no-keep-edges', ...flags)).not.toContain(
        REUSED,
      )
      await succeed('label', '--input', embeddings, '--edges', edges, '--output', labels, ...flags)
      expect(await succeed('cluster', ...at, '--output', again, ...flags)).toContain(REUSED)
      expect(labelsIn(labels)).toEqual(labelsIn(whole))
      expect(labelsIn(again)).toEqual(labelsIn(whole))
      expect(existsSync(join(whole, 'edges'))).toBe(false)
      const result = readFileSync(join(whole, 'clustering_result.txt'), 'utf8')
      removed += Number(/Removed (\d+)/.exec(result)?.[1] ?? 0)
    }
    expect(removed).toBeGreaterThan(0)
  }

  describe.each(['2', '8', '100', 'all'])('with topK %s', (topK) => {
    it('are those of a full run, byte for byte: of people', async () => {
      const embeddings = inFolder(`people-${topK}`)
      await writePeople(embeddings, 1200, 24)
      await compare(embeddings, topK, rounds(2, 1))
    }, 300_000)

    it.skipIf(!existsSync(SHARED))(
      'are those of a full run: of real faces',
      async () => {
        await compare(join(SHARED, 'embeddings/mobilefacenet-128'), topK, rounds(4, 1))
      },
      600_000,
    )
  })
})

describe('cluster', () => {
  const [embeddings, other] = [inFolder('embeddings'), inFolder('other')]
  const [output, whole] = [inFolder('output'), inFolder('whole')]
  const edges = join(output, 'edges')
  const clustered = (...flags: string[]) =>
    succeed('cluster', '--input', embeddings, '--output', output, ...flags)

  beforeAll(async () => {
    await writePeople(embeddings, 400, 16)
    await writePeople(other, 399, 16)
    await succeed('cluster', '--input', embeddings, '--output', whole)
  })

  it.each<[string, string, () => Promise<string>]>([
    ['of another topK', 'they are of topK 100, and 50 is asked for', () => clustered('--topK', '50')],
    [
      'from a higher floor',
      'they begin at a cosine of 0.7, and 0.6 is asked for',
      () => clustered('--cluster_thresh', '0.6'),
    ],
    [
      'from a higher floor than is asked for',
      'they begin at a cosine of 0.7',
      () => clustered('--floor', '0.3'),
    ],
    [
      'of other embeddings',
      'they are of 400 embeddings of 16 numbers, and there are 399 of 16',
      () => succeed('cluster', '--input', other, '--output', output),
    ],
    [
      'of a file that was cut',
      'edges_0.parquet',
      () => {
        truncateSync(join(edges, 'edges_0.parquet'), 99)
        // What facekit did not make is not replaced: so it goes by hand.
        rmSync(join(edges, 'edges_0.parquet'))
        return clustered()
      },
    ],
    [
      'of a manifest that is none',
      'edges.json',
      () => {
        const manifest = join(edges, 'edges.json')
        writeFileSync(manifest, ' '.repeat(readFileSync(manifest).length))
        return clustered()
      },
    ],
  ])('searches where it finds edges %s, and says why', async (_case, why, run) => {
    rmSync(output, { recursive: true, force: true })
    await clustered()
    const stderr = await run()
    expect(stderr).toContain(`The edges in ${edges} do not serve: `)
    expect(stderr).toContain(why)
    expect(stderr).not.toContain(REUSED)
  })

  it('searches where embeddings have changed, were it by one bit, their names and sizes being the same', async () => {
    rmSync(output, { recursive: true, force: true })
    await clustered()
    const file = join(embeddings, 'final_embs.npy')
    const bytes = readFileSync(file)
    const changed = Buffer.from(bytes)
    changed[changed.length - 4]! ^= 1
    writeFileSync(file, changed)
    const stderr = await clustered('--cluster_thresh', '0.8')
    expect(stderr).toContain('they are of embeddings with other numbers. Searching')
    writeFileSync(file, bytes)
    await clustered()
    expect(contents(output)).toEqual(contents(whole))
  })

  it('finds the same edges of a stream as of a folder', async () => {
    rmSync(output, { recursive: true, force: true })
    await clustered('--topK', 'all')
    const stderr = await clustered('--topK', '1000')
    expect(stderr).toContain(REUSED)
  })

  it('keeps no edges where they are not wanted, nor those of an earlier run', async () => {
    rmSync(output, { recursive: true, force: true })
    await clustered('--no-keep-edges')
    expect(labelsIn(output)).toEqual(labelsIn(whole))
    expect(existsSync(edges)).toBe(false)
    for (const flags of [['--topK', '7'], []]) {
      await clustered()
      await clustered(...flags, '--no-keep-edges')
      expect(existsSync(edges)).toBe(false)
    }
  })

  it('stores edges from the floor up that is given, which is no higher than its thresholds', async () => {
    rmSync(output, { recursive: true, force: true })
    await clustered('--floor', '0.25')
    const set = await openEdges(edges)
    expect(set).toMatchObject({ floor: 0.25, topK: 100, rows: 400, dim: 16 })
    expect(labelsIn(output)).toEqual(labelsIn(whole))
    const args = ['cluster', '--input', embeddings, '--output', output, '--floor', '0.71']
    const { status, stderr } = await facekit(args)
    expect([status, stderr]).toEqual([2, expect.stringContaining('the lowest is 0.7, but received 0.71')])
  })
})

describe('label', () => {
  const [embeddings, other, edges] = [inFolder('for-label'), inFolder('others'), inFolder('some-edges')]
  beforeAll(async () => {
    await writePeople(embeddings, 300, 16)
    await writePeople(other, 300, 17)
    await succeed('search', '--input', embeddings, '--output', edges)
  })

  it.each<[string, string[], string, number?]>([
    [
      'thresholds below the floor',
      ['--cluster_thresh', '0.4'],
      'they begin at a cosine of 0.5, and 0.4 is asked for',
    ],
    ['duplicates below the floor', ['--duplicate_thresh', '0.4'], 'they begin at a cosine of 0.5'],
    ['embeddings that they are not of', ['--input', other], 'they are of 300 embeddings of 16 numbers'],
    ['a folder without edges', ['--edges', embeddings], 'there is no edges.json'],
  ])('refuses %s, and writes nothing', async (_case, flags, why) => {
    const output = inFolder('refused')
    const base = { '--input': embeddings, '--edges': edges, '--output': output }
    for (let i = 0; i < flags.length; i += 2) Object.assign(base, { [flags[i]!]: flags[i + 1]! })
    const { status, stderr } = await facekit(['label', ...Object.entries(base).flat()])
    expect(stderr).toContain(why)
    expect(stderr).toContain('facekit search')
    expect(status).toBe(3)
    expect(existsSync(output)).toBe(false)
  })
})

it('search takes embeddings that have to be converted, with little memory', async () => {
  const [floats, doubles] = [inFolder('floats'), inFolder('doubles')]
  for (const folder of [floats, doubles]) await writePeople(folder, 6000, 256)
  const file = join(doubles, 'final_embs.npy')
  const npy = await openNpy(file)
  const values = await npy.readFloat32()
  await npy.close()
  const writer = await NpyWriter.create(file, { descr: '<f8', rowShape: [256] })
  await writer.append(Float64Array.from(values))
  await writer.finish()
  for (const [i, folder] of [floats, doubles].entries())
    await succeed('search', '--input', folder, '--output', inFolder(`of-${i}`), '--memory-limit', '64MiB')
  expect(contents(inFolder('of-1'))).toEqual(contents(inFolder('of-0')))
})

it('search says what it stored', async () => {
  const [embeddings, edges] = [inFolder('for-search'), inFolder('stored')]
  await writePeople(embeddings, 300, 16)
  const args = ['search', '--input', embeddings, '--output', edges, '--topK', 'all', '--json']
  const { status, stdout, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  const set = await openEdges(edges)
  expect(JSON.parse(stdout)).toMatchObject({ images: 300, edges: set.edges, floor: 0.5, engine: 'screened' })
  expect(set.topK).toBe(Infinity)
  expect(readdirSync(edges).sort()).toEqual(['.facekit.json', 'edges.json', 'edges_0.parquet'])
})
