import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { EmbeddingBatch, LabelRun } from '@facekit/core'
import { writeArrow } from '@facekit/io-arrow'
import { shardEmbeddings } from '@facekit/io-npy'
import { readFollowed } from '@facekit/labels'
import { KILL_AT, People, rounds } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EvaluateSummary } from '../src/evaluate/run.js'
import type { ClusterSummary } from '../src/index.js'
import { builtFacekit, contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()

/** Images of each week: they are added to those of the weeks before. */
const WEEKS = [200, 230, 300, 301, 400]
const DIM = 64
const people = new People(WEEKS.at(-1)!, DIM)
const week = (number: number) => inFolder(`week-${number}`)

/** There is one batch of so few. */
function firstOf(rows: number, of = people): Readable {
  const [batch] = of.batches() as Generator<EmbeddingBatch>
  const { indices, paths, embeddings } = batch!
  const first = {
    ...batch!,
    indices: indices.slice(0, rows),
    paths: paths.slice(0, rows),
    embeddings: embeddings.slice(0, rows * DIM),
  }
  return Readable.from([first])
}

const writeFirst = (folder: string, rows: number, of = people) =>
  pipeline(firstOf(rows, of), shardEmbeddings({ output: folder }))

beforeAll(async () => {
  for (const [number, rows] of WEEKS.entries()) await writeFirst(week(number), rows)
})

const clusterArgs = (input: string, output: string, ...flags: string[]) =>
  ['cluster', '--input', input, '--output', output, '--save_groups', '0'].concat(flags)

async function succeed(args: string[]): Promise<string> {
  const { status, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  return stderr
}

const clustered = async (...args: Parameters<typeof clusterArgs>) => succeed(clusterArgs(...args))

const hashes = (folder: string) =>
  Object.fromEntries(
    [...contents(folder)].map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]),
  )

const runIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as LabelRun

/** The number in the name of the class of each person; undefined where it has several. */
async function namesIn(folder: string): Promise<Map<number, number | undefined>> {
  const names = new Map<number, number | undefined>()
  let row = 0
  for await (const { classOf } of readFollowed(folder))
    for (const name of classOf) {
      const person = people.personOf(row++)
      names.set(person, names.has(person) && names.get(person) !== name ? undefined : name)
    }
  return names
}

const NUMBERED = 'Numbering classes anew, since the names of the labels in'

describe('images that are added week after week', () => {
  it('leave persons their names, and new ones get new names', async () => {
    const output = inFolder('weekly')
    let before = new Map<number, number | undefined>()
    let next = 0
    for (const number of WEEKS.keys()) {
      const stderr = await clustered(week(number), output)
      const names = await namesIn(output)
      for (const [person, name] of before) expect(names.get(person)).toBe(name)
      const added = [...names].flatMap(([person, name]) => (before.has(person) ? [] : [name!]))
      expect(added.sort((a, b) => a - b)).toEqual(added.map((_, i) => next + i))
      next += added.length
      const { keptNames, nextName } = runIn(output)
      expect({ keptNames, nextName }).toEqual({ keptNames: number > 0, nextName: next })
      const changes = join(output, 'changes.csv')
      expect(existsSync(changes)).toBe(number > 0)
      if (number > 0)
        expect(stderr).toContain(
          `Kept the names of ${before.size} classes; ${added.length} new, 0 merged, 0 split: see ${changes}\n`,
        )
      before = names
    }
  })

  it('give the labels by label that they give by cluster, byte for byte, and through a pipe', async () => {
    const [byCluster, byLabel, piped] = [inFolder('by-cluster'), inFolder('by-label'), inFolder('piped')]
    await clustered(week(0), byCluster)
    for (const copy of [byLabel, piped]) cpSync(byCluster, copy, { recursive: true })
    await clustered(week(2), byCluster)
    const edges = join(byCluster, 'edges')
    await succeed(
      ['label', '--input', week(2), '--edges', edges, '--output', byLabel].concat('--save_groups', '0'),
    )
    const stream = await buffer(
      firstOf(WEEKS[2]!).pipe(writeArrow({ dim: DIM, normalized: false, modelHash: 'c0ffee' })),
    )
    const { status, stderr } = await facekit(['cluster', '--output', piped, '--save_groups', '0'], stream)
    expect(status, stderr).toBe(0)
    const labelsIn = (folder: string) =>
      Object.entries(hashes(folder)).filter(([name]) => !name.startsWith('edges/'))
    expect(existsSync(join(byCluster, 'changes.csv'))).toBe(true)
    expect(labelsIn(byLabel)).toEqual(labelsIn(byCluster))
    expect(labelsIn(piped)).toEqual(labelsIn(byCluster))
  })

  it('give the same labels to whoever is killed, and goes on', async () => {
    const older = inFolder('older')
    await clustered(week(0), older)
    const whole = inFolder('whole')
    cpSync(older, whole, { recursive: true })
    await clustered(week(2), whole, '--resume')
    const output = inFolder('killed')
    const journal = join(output, '.facekit-run', 'commit.json')
    let kills = 0
    for (let step = 1; ; step += rounds(19, 1)) {
      rmSync(output, { recursive: true, force: true })
      cpSync(older, output, { recursive: true })
      const args = clusterArgs(week(2), output, '--resume')
      const env = {
        NODE_OPTIONS: `--import ${KILL_AT}`,
        FACEKIT_KILL_AT: String(step),
        FACEKIT_CHECKPOINT_MS: '0',
      }
      const { status } = await builtFacekit(args, { env })
      if (status === 0) break
      // What comes after is another run, over labels that have the names already.
      if (hashes(output)['changes.csv'] === hashes(whole)['changes.csv'] && !existsSync(journal)) break
      kills++
      await succeed(args)
      expect(hashes(output), `step ${step}`).toEqual(hashes(whole))
    }
    expect(kills).toBeGreaterThan(2)
  }, 600_000)

  /** Labels, over those of before, of a run that is killed while it moves them. */
  async function killedWhileMoving(input: string, before: string | undefined): Promise<string> {
    const output = inFolder(`killed-of-${basename(input)}`)
    const journal = join(output, '.facekit-run', 'commit.json')
    for (let step = 20; !existsSync(journal); step += 3) {
      rmSync(output, { recursive: true, force: true })
      if (before) cpSync(before, output, { recursive: true })
      // Edges are there, and only the labels are moved.
      const args = ['label', '--input', input, '--edges', inFolder('edges'), '--output', output]
      const env = { NODE_OPTIONS: `--import ${KILL_AT}`, FACEKIT_KILL_AT: String(step) }
      expect((await builtFacekit([...args, '--save_groups', '0'], { env })).status).toBe(null)
    }
    return output
  }

  const changesIn = (folder: string) =>
    readFileSync(join(folder, 'changes.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))

  it('are told from labels that were killed while they were moved', async () => {
    await succeed(['search', '--input', week(0), '--output', inFolder('edges')])
    // There are no changes yet that could be lost.
    const first = await killedWhileMoving(week(0), undefined)
    await clustered(week(0), first, '--keep-names')
    expect(new Set(changesIn(first).map(([, , change]) => change))).toEqual(new Set(['kept']))

    await succeed(['search', '--input', week(2), '--output', inFolder('edges')])
    const output = await killedWhileMoving(week(2), first)
    const stderr = await clustered(week(3), output)
    expect(stderr).toContain('; 0 new, 0 merged, 0 split')
    // Those of the week before are another matter.
    const changes = changesIn(output)
    expect(changes.reduce((sum, [, , , images]) => sum + Number(images), 0)).toBe(WEEKS[2])
    expect(new Set(changes.map(([, , change]) => change))).toEqual(new Set(['kept']))
  }, 300_000)
})

describe('names stay', () => {
  const [fresh, output] = [inFolder('fresh'), inFolder('output')]
  beforeAll(async () => clustered(week(1), fresh))

  async function onFresh(input: string, ...flags: string[]): Promise<string> {
    rmSync(output, { recursive: true, force: true })
    cpSync(fresh, output, { recursive: true })
    return clustered(input, output, ...flags)
  }

  it('not in the way of folders of others, where they need not', async () => {
    rmSync(output, { recursive: true, force: true })
    cpSync(fresh, output, { recursive: true })
    mkdirSync(join(output, 'group_7777'))
    writeFileSync(join(output, 'group_7777', 'mine.txt'), '')
    const args = ['--input', week(1), '--output', output, '--save_groups', '2']
    await succeed(['cluster', ...args])
    args[1] = week(2)
    const { status, stderr } = await facekit(['cluster', ...args])
    expect([status, stderr]).toEqual([3, expect.stringMatching(/group_7777.*\[OUTPUT_EXISTS\]/)])
    await succeed(['cluster', ...args, '--no-keep-names'])
  })

  const HIGHER = ['--cluster_thresh', '0.85']

  it('not for labels of the same images by one threshold after the other', async () => {
    const stderr = await onFresh(week(1), ...HIGHER)
    expect(stderr).not.toContain('names')
    const byItself = inFolder('by-itself')
    await clustered(week(1), byItself, '--floor', '0.7', ...HIGHER)
    expect(hashes(output)['assignments.parquet']).toBe(hashes(byItself)['assignments.parquet'])
    expect(runIn(output)).toMatchObject({ keptNames: false, nextName: runIn(output).classes })
  })

  it('from when images were added, also by other thresholds', async () => {
    await onFresh(week(2))
    const { nextName } = runIn(output)
    const names = await namesIn(output)
    await clustered(week(2), output, ...HIGHER)
    const split = runIn(output)
    expect(split.classes).toBeGreaterThan(names.size)
    expect(split).toMatchObject({ keptNames: true })
    // Each person whose pictures came apart left some pictures the name, and has others of new names.
    await clustered(week(2), output)
    expect(await namesIn(output)).toEqual(names)
    expect(runIn(output).nextName).toBe(split.nextName)
    expect(split.nextName).toBeGreaterThan(nextName)
  })

  it('where it is asked for, or not', async () => {
    await onFresh(week(1), ...HIGHER, '--keep-names')
    const kept = runIn(output)
    expect(kept.keptNames).toBe(true)
    expect(kept.nextName).toBeGreaterThan(runIn(fresh).nextName)
    expect(existsSync(join(output, 'changes.csv'))).toBe(true)

    await clustered(week(2), output, '--no-keep-names')
    const { keptNames, classes, nextName } = runIn(output)
    expect({ keptNames, nextName }).toEqual({ keptNames: false, nextName: classes })
    expect(existsSync(join(output, 'changes.csv'))).toBe(false)
  })

  it('those of labels in another folder', async () => {
    rmSync(output, { recursive: true, force: true })
    await clustered(week(3), output, '--names-of', fresh)
    const names = await namesIn(output)
    for (const [person, name] of await namesIn(fresh)) expect(names.get(person)).toBe(name)
  })

  it('and a threshold that is another one is told', async () => {
    const told = `The labels in ${output} were made with --cluster_thresh 0.7, and these with --cluster_thresh 0.8: `
    expect(await onFresh(week(2))).not.toContain('The labels in')
    expect(await onFresh(week(2), '--cluster_thresh', '0.8')).toContain(told)
    const dry = await clustered(week(3), output, '--dry-run')
    expect(dry).toMatch(/It would keep the names of \d+ classes; \d+ new, \d+ merged, \d+ split\n/)
  })

  it('not where labels are of other images, which one line says', async () => {
    await writeFirst(inFolder('others'), 300, new People(300, DIM, { seed: 2 }))
    expect(await onFresh(inFolder('others'))).toContain(
      `${NUMBERED} ${output} cannot stay: they are of other embeddings\n`,
    )
    expect(await onFresh(week(0))).toContain('cannot stay: they are of 230 images, and there are 200\n')
    const run = join(output, 'run.json')
    writeFileSync(run, ' '.repeat(readFileSync(run).length))
    expect(await clustered(week(2), output)).toMatch(/cannot stay: .*run\.json/)
    rmSync(run)
    expect(await clustered(week(2), output)).toContain('cannot stay: nothing says what they are of\n')
    expect(runIn(output).keptNames).toBe(false)
  })

  it.each<[string, string, () => string[]]>([
    [
      'no labels are there',
      'but there are none',
      () => clusterArgs(week(1), inFolder('none'), '--keep-names'),
    ],
    [
      'they are of more images',
      'they are of 230 images, and there are 200',
      () => clusterArgs(week(0), inFolder('none'), '--names-of', fresh),
    ],
    [
      'they are of other embeddings',
      'they are of other embeddings',
      () => clusterArgs(inFolder('others'), inFolder('none'), '--names-of', fresh),
    ],
    [
      'nothing says what they are of',
      'nothing says what they are of',
      () => clusterArgs(week(2), inFolder('none'), '--names-of', inFolder('unsaid')),
    ],
    [
      'they are not to be kept',
      'Expected no --no-keep-names with --names-of',
      () => clusterArgs(week(2), inFolder('none'), '--names-of', fresh, '--no-keep-names'),
    ],
  ])('but are refused where %s', async (_case, message, args) => {
    cpSync(fresh, inFolder('unsaid'), { recursive: true })
    rmSync(join(inFolder('unsaid'), 'run.json'))
    const { status, stderr } = await facekit(args())
    expect(stderr).toContain(message)
    expect([status, stderr]).toEqual([2, expect.stringContaining('[OPTION]')])
    expect(existsSync(join(inFolder('none'), 'assignments.parquet'))).toBe(false)
  })

  it('and are evaluated as they are, with gaps', async () => {
    await onFresh(week(2), ...HIGHER)
    await clustered(week(2), output)
    await clustered(week(4), output, ...HIGHER)
    const { classes, nextName } = runIn(output)
    expect(nextName).toBeGreaterThan(classes)
    const bySize = inFolder('by-size')
    await clustered(week(4), bySize, ...HIGHER)
    const evaluated = async (labels: string) => {
      const args = [
        'evaluate',
        labels,
        '--truth',
        '.',
        '--truth-kind',
        'folders',
        '--worst',
        '1000',
        '--json',
      ]
      return JSON.parse((await facekit(args)).stdout) as EvaluateSummary
    }
    const [kept, numbered] = [await evaluated(output), await evaluated(bySize)]
    for (const name of ['classes', 'identities', 'pairwise', 'bcubed', 'nmi'] as const)
      expect(kept[name]).toEqual(numbered[name])
    const [scattered, expected] = [kept, numbered].map((of) => of.scattered.map(({ name }) => name))
    expect(scattered).toEqual(expected)
    const names = await namesIn(output)
    for (const { name, main } of kept.scattered) {
      expect(names.get(Number(name.slice('person_'.length)))).toBeUndefined()
      expect(readFileSync(join(output, 'changes.csv'), 'utf8')).toContain(`,${main},`)
    }
    expect(kept.scattered.length).toBeGreaterThan(3)
  })

  it('in the summary and the report', async () => {
    rmSync(output, { recursive: true, force: true })
    cpSync(fresh, output, { recursive: true })
    const { stdout } = await facekit(clusterArgs(week(4), output, '--json', '--report', '--quiet'))
    const { changes, classes } = JSON.parse(stdout) as ClusterSummary
    expect(changes).toMatchObject({ kept: runIn(fresh).classes, merged: 0, split: 0 })
    expect(changes!.kept + changes!.new).toBe(classes)
    const page = readFileSync(join(output, 'report.html'), 'utf8')
    // Of classes of as many images the one whose first comes first is shown first, and not that of the lowest number.
    const sizes = new Map<number, number>()
    const first: number[] = []
    for await (const { classOf, isDuplicate } of readFollowed(output))
      classOf.forEach((name, i) => {
        if (isDuplicate[i]) return
        if (!sizes.has(name)) first.push(name)
        sizes.set(name, (sizes.get(name) ?? 0) + 1)
      })
    const largest = first.toSorted((a, b) => sizes.get(b)! - sizes.get(a)!).slice(0, 3)
    const headings = [...page.matchAll(/<h3>\s*group_(\d+)/g)].map(([, name]) => Number(name))
    expect(headings.slice(0, 3)).toEqual(largest)
  })
})
