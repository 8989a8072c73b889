import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { drawAlbum, writeBlockModel, writeSlowModel } from './album.js'
import { contents, facekit, outcomeOf, startWith, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const run = inFolder('run')

beforeAll(() => {
  drawAlbum(album, 6, 6)
  writeBlockModel(model)
})

const extract = (part: string, output = run, weights = model) => [
  'extract',
  '--input',
  album,
  '--weights',
  weights,
  '--output',
  join(output, 'embeddings'),
  '--part',
  part,
]
const search = (part: string) => [
  'search',
  '--input',
  join(run, 'embeddings'),
  '--output',
  join(run, 'edges'),
  '--part',
  part,
]
const label = [
  'label',
  '--input',
  join(run, 'embeddings'),
  '--edges',
  join(run, 'edges'),
  '--output',
  join(run, 'labels'),
]

async function succeed(words: string[]) {
  const { status, stderr } = await facekit(words)
  expect(status, stderr).toBe(0)
}

interface Stage {
  parts: number
  done: number
  running: number
  failed: number
  missing: number[]
  count: number
  total?: number
  perSecond?: number
  secondsLeft?: number
}
type Summary = { stages: Record<'extract' | 'search' | 'label', Stage>; submit?: string }

async function look(folder = run): Promise<Summary> {
  const before = contents(folder)
  const { status, stdout, stderr } = await facekit(['status', folder, '--json'])
  expect(status, stderr).toBe(0)
  expect(contents(folder)).toEqual(before)
  return JSON.parse(stdout) as Summary
}

/** While it changes, and from before there is a run. */
async function peek(folder: string): Promise<Summary | undefined> {
  const { stdout } = await facekit(['status', folder, '--json'])
  return stdout ? (JSON.parse(stdout) as Summary) : undefined
}

async function table(folder = run): Promise<string> {
  return (await facekit(['status', folder])).stdout
}

const missing = async (stage: string) => (await facekit(['status', run, '--missing', stage])).stdout

it('tells of a run from before it begins to its end', { timeout: 120_000 }, async () => {
  mkdirSync(join(run, 'slurm'), { recursive: true })
  writeFileSync(join(run, 'slurm/plan.json'), JSON.stringify({ version: 1, parts: 4 }))
  writeFileSync(join(run, 'slurm/submit.sh'), '')
  expect((await look()).stages).toMatchObject({
    extract: { parts: 4, done: 0, running: 0, failed: 0, missing: [0, 1, 2, 3] },
    search: { parts: 4, done: 0, missing: [0, 1, 2, 3] },
    label: { parts: 1, done: 0, missing: [0] },
  })
  expect(await table()).toMatch(/Submit what is missing: bash .*run\/slurm\/submit\.sh\n$/)

  await succeed(extract('2/4'))
  await succeed(extract('0/4'))
  expect((await look()).stages.extract).toMatchObject({ done: 2, missing: [1, 3], count: 16, total: 36 })
  expect(await missing('extract')).toBe('1 3\n')
  expect(await table()).toMatch(/extract +4 +2 +0 +0 +2 +44 % of 36 images/)

  // One that fails says why, until it is made.
  expect((await facekit(extract('1/4', run, inFolder('no.onnx')))).status).toBe(3)
  expect((await look()).stages.extract).toMatchObject({ done: 2, failed: 1, missing: [1, 3] })
  expect(await table()).toMatch(/extract 1\/4 failed on .+: Expected .*no\.onnx/)
  await succeed(extract('1/4'))
  await succeed(extract('3/4'))
  expect((await look()).stages).toMatchObject({
    extract: { done: 4, failed: 0, missing: [], count: 36 },
    search: { done: 0, missing: [0, 1, 2, 3], total: 630 },
  })

  await succeed(search('3/4'))
  expect((await look()).stages.search).toMatchObject({ done: 1, missing: [0, 1, 2] })
  for (const number of [0, 1, 2]) await succeed(search(`${number}/4`))
  expect((await look()).stages).toMatchObject({
    search: { done: 4, count: 630 },
    label: { done: 0, missing: [0] },
  })
  await succeed(label)
  const end = await look()
  expect(end.stages).toMatchObject({ search: { done: 4, missing: [] }, label: { done: 1, missing: [] } })
  expect(end.submit).toBe(undefined)
  expect(await table()).toContain('All is done.')
  expect(await missing('search')).toBe('\n')
})

it('tells of parts that run and of those that were killed', { timeout: 120_000 }, async () => {
  const output = inFolder('slow')
  const slow = inFolder('slow.onnx')
  writeSlowModel(slow, 40)
  const env = { FACEKIT_CHECKPOINT_MS: '0' }
  const program = startWith(env, ...extract('1/2', output, slow))
  const ended = outcomeOf(program)
  let state = undefined as Summary | undefined
  while (!state || state.stages.extract.count === 0) {
    expect(program.exitCode).toBe(null)
    await sleep(50)
    state = await peek(output)
  }
  expect(state.stages.extract).toMatchObject({
    parts: 2,
    done: 0,
    running: 1,
    failed: 0,
    missing: [0],
    total: 36,
  })
  expect(state.stages.extract.perSecond).toBeGreaterThan(0)
  expect(state.stages.extract.secondsLeft).toBeGreaterThan(0)
  program.kill('SIGKILL')
  await ended
  expect((await look(output)).stages.extract).toMatchObject({ running: 0, failed: 1, missing: [0, 1] })
  expect(await table(output)).toContain('extract 1/2 was stopped, and goes on when it is submitted again')
  // What was recorded is done, whoever looks; also where it was stopped in peace.
  expect((await look(output)).stages.extract.count).toBeGreaterThan(0)
  const stopped = startWith(env, ...extract('1/2', output, slow), '--resume')
  const end = outcomeOf(stopped)
  while ((await peek(output))?.stages.extract.running === 0) await sleep(20)
  stopped.kill('SIGTERM')
  expect((await end).status).toBe(143)
  const afterStop = (await look(output)).stages.extract
  expect(afterStop).toMatchObject({ running: 0, failed: 1 })
  expect(afterStop.count).toBeGreaterThan(0)
  await succeed([...extract('1/2', output, slow), '--resume'])
  expect((await look(output)).stages.extract).toMatchObject({ done: 1, failed: 0, missing: [0], count: 20 })
})

it('does not take a slip for a failure, nor what cannot be read for what is there', async () => {
  const copy = inFolder('slips')
  await succeed(extract('0/2', copy))
  expect((await facekit([...extract('0/2', copy), '--retry-failed'])).status).toBe(2)
  expect((await facekit(extract('0/2', copy, inFolder('no.onnx')))).status).toBe(3)
  expect((await look(copy)).stages.extract).toMatchObject({ done: 1, failed: 0 })
  writeFileSync(join(copy, 'embeddings/part_0_of_2.json'), '')
  expect((await look(copy)).stages.extract).toMatchObject({ done: 0, failed: 1, missing: [0, 1] })
  expect(await table(copy)).toMatch(/extract 0\/2 failed: .*part_0_of_2\.json as its part made it/)
  mkdirSync(join(copy, 'slurm'))
  writeFileSync(join(copy, 'slurm/plan.json'), '{')
  const { status, stderr } = await facekit(['status', copy])
  expect([status, stderr]).toEqual([3, expect.stringMatching(/plan\.json .*RUN_FOLDER/)])
})

it('holds labels of an earlier search for none of this run', async () => {
  const copy = inFolder('copy')
  cpSync(run, copy, { recursive: true })
  const edges = join(copy, 'edges')
  for (const name of readdirSync(edges)) {
    const content = readFileSync(join(edges, name))
    rmSync(join(edges, name))
    await sleep(20)
    writeFileSync(join(edges, name), content)
  }
  expect((await look(copy)).stages.label).toMatchObject({ done: 0, missing: [0] })
})

it('says where there is no run', async () => {
  mkdirSync(inFolder('empty'))
  const { status, stderr } = await facekit(['status', inFolder('empty')])
  expect([status, stderr]).toEqual([
    3,
    expect.stringMatching(/Expected a run at .*empty.* facekit submit slurm … --output .*RUN_FOLDER/),
  ])
})
