import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSlurm, whyNoSlurm } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { submit, type SubmitOptions } from '../src/submit/run.js'
import { drawAlbum } from './album.js'
import { MadeRun, writeProgram } from './made-program.js'
import { writeWeights } from './made-weights.js'
import { contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const HOSTILE_RUN = `-it's "$HOME" \`id\`\n#{0..2}* é`
const HOSTILE = `${HOSTILE_RUN} \\ %a`
const hostile = inFolder(HOSTILE)
const list = join(hostile, 'list.txt')
const weights = join(hostile, '-model.onnx')
mkdirSync(hostile)
writeFileSync(list, 'a.jpg\n')
writeFileSync(weights, 'a model')
const program = writeProgram(join(hostile, '-program.cjs'))

/** Submits a run whose tasks are made up. @returns what was said */
async function submitMade(run: MadeRun, options: Partial<SubmitOptions> = {}): Promise<string[]> {
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  const talk = { info: say, warn: say, progress: () => {} }
  const all = {
    program,
    input: list,
    output: run.folder,
    parts: 3,
    dryRun: false,
    sbatchWords: [],
    ...options,
  }
  await submit({ ...all, given: { weights, ...options.given } }, talk, undefined)
  return said
}

const scriptOf = (run: { folder: string }, name: string) => join(run.folder, 'slurm', `${name}.sh`)

describe('submit slurm', () => {
  const submitSlurm = ['submit', 'slurm', '--input', list, '--weights', weights, '--parts', '2']
  const dry = (...more: string[]) => [...submitSlurm, '--dry-run', '--output', inFolder('dry'), ...more]

  it('writes scripts of what is given and nothing else, and submits nothing', async () => {
    const { status, stdout, stderr } = await facekit(
      dry(
        '--partition',
        'gpu',
        '--time',
        '2:00:00',
        '--gpus-per-task',
        'a100:1',
        '--cpus-per-task',
        '8',
        '--use_l2_norm',
        '--top-k',
        '50',
        '--memory-limit',
        '4GB',
        '--cluster-thresh',
        '0.45',
        '--no-use-gpu',
        '--',
        '--account',
        'faces',
        '--constraint=a b',
      ),
    )
    expect([status, stdout]).toEqual([0, ''])
    expect(stderr).toContain('Submitted nothing')
    const [extract = '', search = '', label = '', submitAll = ''] = [
      'extract',
      'search',
      'label',
      'submit',
    ].map((name) => readFileSync(inFolder('dry', 'slurm', `${name}.sh`), 'utf8'))
    for (const script of [extract, search, label]) {
      expect(script).toContain('#SBATCH --partition=gpu\n#SBATCH --time=2:00:00\n#SBATCH --cpus-per-task=8\n')
      expect(script).toContain('#SBATCH --account faces\n#SBATCH "--constraint=a b"\n')
      expect(script).toContain('#SBATCH --requeue\n#SBATCH --signal=B:TERM@120\n')
    }
    for (const script of [extract, search]) {
      expect(script).toContain('#SBATCH --gpus-per-task=a100:1\n')
      expect(script).toContain('  --part="$SLURM_ARRAY_TASK_ID/2"\n  --resume\n')
      expect(script).toContain('  --no-use-gpu\n')
    }
    expect(label).not.toMatch(/gpu(?!\n)|--part=|--resume/)
    const words = (script: string) =>
      script.match(/^ {2}--(?!input|output|edges|part|resume).*$/gm)!.map((w) => w.trim())
    expect(words(extract)).toEqual(['--num-workers=8', '--use-l2-norm', '--no-use-gpu'])
    // The floor follows a threshold below its default.
    expect(words(search)).toEqual([
      '--no-use-gpu',
      '--top-k=50',
      '--threads=8',
      '--memory-limit=4GB',
      '--floor=0.45',
    ])
    expect(words(label)).toEqual(['--cluster-thresh=0.45', '--memory-limit=4GB'])
    expect(submitAll).toContain('sbatch')
  })

  it('refuses what is not that of which parts are there, but takes other thresholds', async () => {
    const run = inFolder('begun')
    const other = inFolder('begun-other.onnx')
    copyFileSync(weights, other)
    const words = (...more: string[]) => [...submitSlurm, '--dry-run', '--output', run, ...more]
    expect((await facekit(words())).status).toBe(0)
    // Nothing was made yet.
    expect((await facekit(words('--batch-size', '8'))).status).toBe(0)
    mkdirSync(join(run, 'embeddings'))
    writeFileSync(join(run, 'embeddings/.facekit-part_0_of_2.json'), '{}')
    expect((await facekit(words('--batch-size', '8', '--cluster_thresh', '0.8'))).status).toBe(0)
    const { status, stderr } = await facekit(words('--top-k', '5'))
    expect([status, stderr]).toEqual([
      3,
      expect.stringMatching(
        /--batch-size was 8 and is not given; --top-k was not given and is 5.*RUN_DIFFERS/,
      ),
    ])
  })

  it('says that it writes scripts anew where they had other lines', async () => {
    expect((await facekit(dry())).stderr).not.toContain('submit.sh anew')
    expect((await facekit(dry())).stderr).not.toContain('anew')
    writeFileSync(inFolder('dry', 'slurm', 'label.sh'), '#!/bin/bash\n')
    expect((await facekit(dry())).stderr).toMatch(/^Wrote \S*label.sh anew: it had other lines\n/)
  })

  it.each([
    [dry('--input', '-').toSpliced(2, 2), 'Expected a folder or a list for --input', 'OPTION'],
    [
      dry('--input', inFolder('none')).toSpliced(2, 2),
      'Expected a folder of images or a list',
      'INPUT_MISSING',
    ],
    [dry('--weights', inFolder('none.pth')).toSpliced(4, 2), 'none.pth: no such file', 'TORCH_FILE'],
    [dry('--weights', inFolder('none.onnx')).toSpliced(4, 2), 'Expected an ONNX model', 'MODEL_FILE'],
    [
      dry('--floor', '0.8'),
      'Expected --floor at or below the thresholds, of which the lowest is 0.7',
      'OPTION',
    ],
    [dry('--cluster-thresh', 'auto'), 'Expected a cosine for --cluster_thresh', 'OPTION'],
    [dry('--top-k', 'many'), 'Expected a whole number from 1, or all, for --top-k', 'OPTION'],
    [dry('--provider', 'cuda', '--no-use-gpu'), 'Expected --provider cuda or --no-use-gpu', 'OPTION'],
    [dry('--parts', '0').toSpliced(6, 2), 'Expected a whole number from 1 for --parts', 'OPTION'],
    [dry('--time', '0-0:02'), 'Expected 5 minutes or more for --time', 'OPTION'],
    [dry('--partition', 'a\nb'), 'Expected one line for sbatch', 'OPTION'],
    [dry('--', 'faces'), 'Expected an option of sbatch after -- but received faces', 'OPTION'],
    [dry('--output', 'a%b').toSpliced(9, 2), 'Expected a path without % and \\ for --output', 'OPTION'],
    [
      dry('--parts', '100001').toSpliced(6, 2),
      'Expected 100000 at most for --parts but received 100001',
      'OPTION',
    ],
    [dry('--engine', 'faiss'), 'Expected --engine screened or tiles', 'OPTION'],
    [dry('--resume'), 'Unknown flag --resume', 'OPTION'],
  ])('refuses %j', async (args, message, code) => {
    const { status, stderr } = await facekit(args)
    expect(stderr).toContain(message)
    expect(stderr).toContain(`[${code}]`)
    expect(status).toBe(code === 'OPTION' ? 2 : 3)
  })

  it('says where there is no Slurm', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = inFolder()
    try {
      const { status, stderr } = await facekit([...submitSlurm, '--output', inFolder('nothing')])
      expect(stderr).toMatch(/^facekit: Expected sbatch.*\[SLURM\]\n$/)
      expect([status, existsSync(inFolder('nothing'))]).toEqual([3, false])
    } finally {
      process.env['PATH'] = path
    }
  })
})

describe('a batch script', () => {
  const run = new MadeRun(inFolder(HOSTILE_RUN, 'alone'), 3)
  beforeAll(async () => {
    await submitMade(run, { dryRun: true, sbatchWords: ['--comment', HOSTILE.replace('\n', '')] })
  })

  it('is a script that bash and shellcheck find no fault with', () => {
    const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0
    if (!hasShellcheck && process.env['CI']) throw new Error('CI checks scripts: install shellcheck')
    for (const name of ['extract', 'search', 'label', 'submit']) {
      execFileSync('bash', ['-n', scriptOf(run, name)])
      if (hasShellcheck) execFileSync('shellcheck', ['-S', 'style', scriptOf(run, name)])
    }
  })

  it.each([
    // [what the task does, restarts before, state of the job, status of scontrol] to [status, whether scontrol is asked]
    ['a task that succeeds', 0, 0, 'RUNNING', 0, 0, false],
    ['a task that fails', 3, 0, 'RUNNING', 0, 3, false],
    ['a task that a signal ends', 143, 100, 'RUNNING', 0, 143, true],
    ['a task that is killed', 137, 4, 'RUNNING', 0, 137, true],
    ['a task that is killed time and again', 137, 5, 'RUNNING', 0, 137, false],
    ['a task that is cancelled', 143, 0, 'COMPLETING', 0, 75, false],
    ['a task that may not requeue itself', 143, 0, 'RUNNING', 1, 75, true],
  ])('knows %s', (name, order, restarts, state, scontrol, status, isAsked) => {
    const fake = inFolder('fake', name)
    mkdirSync(fake, { recursive: true })
    writeFileSync(join(fake, 'squeue'), `#!/bin/sh\necho ${state}\n`)
    writeFileSync(join(fake, 'scontrol'), `#!/bin/sh\necho "asked: $*"\nexit ${scontrol}\n`)
    for (const command of readdirSync(fake)) chmodSync(join(fake, command), 0o755)
    const before = run.starts('extract-1').length
    run.order({ 'extract-1': [...Array<number>(before).fill(0), order] })
    const ended = spawnSync('bash', [scriptOf(run, 'extract')], {
      encoding: 'utf8',
      env: {
        PATH: `${fake}:${process.env['PATH']}`,
        SLURM_ARRAY_JOB_ID: '7',
        SLURM_ARRAY_TASK_ID: '1',
        SLURM_RESTART_COUNT: String(restarts),
      },
    })
    expect(ended.status).toBe(status)
    expect(ended.stdout.includes('asked: requeue 7_1')).toBe(isAsked)
  })
})

const noSlurm = whyNoSlurm()

describe.skipIf(noSlurm !== undefined)(`a real Slurm${noSlurm ? ` (skipped: ${noSlurm})` : ''}`, () => {
  let slurm: Awaited<ReturnType<typeof startSlurm>>
  beforeAll(async () => {
    slurm = await startSlurm(inFolder('slurm'))
    Object.assign(process.env, slurm.env)
  })
  afterAll(async () => slurm?.stop())

  const ask = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' })
  const stateOf = (job: string) => /JobState=(\w+)/.exec(ask('scontrol', 'show', 'job', job))?.[1]
  const submitAgain = (run: { folder: string }) => ask('bash', scriptOf(run, 'submit')).trim().split('\n')
  const jobOf = (said: string[], stage: string) =>
    said.map((line) => new RegExp(`^${stage}: job (\\d+)`).exec(line)?.[1]).find((job) => job) ?? ''

  async function until(what: string, isSo: () => boolean): Promise<void> {
    for (const endMs = Date.now() + 60_000; !isSo(); await sleep(100)) {
      if (Date.now() > endMs) throw new Error(`Waited for ${what}:\n${ask('squeue', '--array')}`)
    }
  }
  const started = async (run: MadeRun, task: string, times: number) =>
    until(`start ${times} of ${task}`, () => run.starts(task).length === times)
  const ended = async (run: MadeRun, task: string) =>
    until(`${task} to end`, () => run.journal().includes(`${task} ends with 0`))
  const noneQueued = async (jobs: string[]) =>
    until(
      'the queue',
      () => !jobs.some((job) => ask('squeue', '-h', '-o', '%A %F').split(/\s/).includes(job)),
    )

  it.concurrent('hands every word to the tasks unharmed, one stage after the other', async () => {
    const run = new MadeRun(inFolder(HOSTILE_RUN, 'run'), 2)
    const comment = HOSTILE.replace('\n', '')
    const said = await submitMade(run, {
      parts: 2,
      time: '10',
      gpusPerTask: '1',
      cpusPerTask: 2,
      given: { calibration: hostile, 'output-name': HOSTILE },
      sbatchWords: ['--comment', comment],
    })
    await ended(run, 'label')
    const [start] = run.starts('extract-1')
    expect(start?.folder).toBe(process.cwd())
    expect(start?.args).toEqual([
      `--input=${list}`,
      `--output=${join(run.folder, 'embeddings')}`,
      '--part=1/2',
      '--resume',
      `--weights=${weights}`,
      '--num-workers=2',
      `--output-name=${HOSTILE}`,
      `--calibration=${hostile}`,
    ])
    expect(run.starts('search-0')[0]?.args).toEqual([
      `--input=${join(run.folder, 'embeddings')}`,
      `--output=${join(run.folder, 'edges')}`,
      '--part=0/2',
      '--resume',
      '--threads=2',
    ])
    expect(run.starts('label')[0]?.args).toEqual([
      `--input=${join(run.folder, 'embeddings')}`,
      `--edges=${join(run.folder, 'edges')}`,
      `--output=${join(run.folder, 'labels')}`,
    ])
    const order = run.journal().map((line) => /^\w+/.exec(line)![0])
    expect(order).toEqual([
      ...Array<string>(4).fill('extract'),
      ...Array<string>(4).fill('search'),
      'label',
      'label',
    ])
    const job = ask('scontrol', 'show', 'job', `${jobOf(said, 'extract')}_0`)
    expect(job).toContain('TimeLimit=00:10:00')
    expect(job).toContain('gres:gpu:1')
    expect(job).toContain(`Comment=${comment}`)
    expect(readdirSync(join(run.folder, 'slurm', 'logs')).sort()).toEqual(
      ['extract-0', 'extract-1', 'label', 'search-0', 'search-1'].map((name) => `${name}.log`),
    )
  })

  it.concurrent('lets tasks that a signal ended go on, and what waits for them wait', async () => {
    const run = new MadeRun(inFolder('signals'), 3)
    run.order({ 'extract-0': ['hang'], 'extract-1': ['hang'], 'search-2': ['hang'], label: ['hang'] })
    const said = await submitMade(run)
    const job = jobOf(said, 'extract')
    await started(run, 'extract-0', 1)
    await started(run, 'extract-1', 1)
    // As one who waits does it twice.
    expect(submitAgain(run).slice(0, 2)).toEqual([
      expect.stringMatching(/^extract: nothing to submit, [23] tasks in the queue$/),
      'search: nothing to submit, 3 tasks in the queue',
    ])
    process.kill(run.starts('extract-0')[0]!.pid, 'SIGKILL')
    ask('scancel', '--batch', '--signal=TERM', `${job}_1`)
    await started(run, 'search-2', 1)
    for (const part of [0, 1, 2]) {
      expect(run.starts(`extract-${part}`)).toHaveLength(part === 2 ? 1 : 2)
      expect(run.journal().indexOf(`extract-${part} ends with 0`)).toBeLessThan(
        run.journal().findIndex((line) => line.startsWith('search')),
      )
    }
    // The task was told, and waited for.
    expect(run.journal()).toContain('extract-1 ends with 143')
    process.kill(run.starts('search-2')[0]!.pid, 'SIGKILL')
    await started(run, 'label', 1)
    expect(run.starts('search-2')).toHaveLength(2)
    process.kill(run.starts('label')[0]!.pid, 'SIGKILL')
    await ended(run, 'label')
    expect(run.starts('label')).toHaveLength(2)
  })

  it.concurrent('ends where a task fails, and submits only what is missing then', async () => {
    const run = new MadeRun(inFolder('failure'), 3)
    run.order({ 'extract-1': [3] })
    const said = await submitMade(run)
    const jobs = ['extract', 'search', 'label'].map((stage) => jobOf(said, stage))
    await noneQueued(jobs)
    expect(ask('scontrol', 'show', 'job', `${jobs[0]}_1`)).toMatch(/JobState=FAILED[^]*ExitCode=3:0/)
    expect(run.journal().filter((line) => !line.startsWith('extract'))).toEqual([])
    expect(stateOf(jobs[2]!)).toBe('CANCELLED')

    const again = submitAgain(run)
    expect(again.slice(0, 2)).toEqual([
      expect.stringMatching(/^extract: job \d+, 1 of 3 parts$/),
      expect.stringMatching(/^search: job \d+, 3 of 3 parts$/),
    ])
    await ended(run, 'label')
    expect([0, 1, 2].map((part) => run.starts(`extract-${part}`).length)).toEqual([1, 2, 1])

    await noneQueued([jobOf(again, 'label')])
    const last = submitAgain(run)
    expect(last.slice(0, 2)).toEqual([
      'extract: nothing to submit, 0 tasks in the queue',
      'search: nothing to submit, 0 tasks in the queue',
    ])
    await until('labels made anew', () => run.starts('label').length === 2)
  })

  it.concurrent('leaves alone what was cancelled', async () => {
    const run = new MadeRun(inFolder('cancelled'), 2)
    run.order({ 'extract-0': ['hang', 'hang'], 'extract-1': ['hang', 'hang'] })
    const said = await submitMade(run, { parts: 2 })
    const job = jobOf(said, 'extract')
    await started(run, 'extract-0', 1)
    await started(run, 'extract-1', 1)
    ask('scancel', `${job}_0`)
    await until('the end of the task', () => stateOf(`${job}_0`) === 'CANCELLED')
    // A task that goes back takes no other with it, not even the one whose number is that of the array.
    process.kill(run.starts('extract-1')[0]!.pid, 'SIGKILL')
    await started(run, 'extract-1', 2)
    expect(stateOf(`${job}_0`)).toBe('CANCELLED')
    expect(run.starts('extract-0')).toHaveLength(1)
    ask('scancel', job)
    await noneQueued([job, jobOf(said, 'search'), jobOf(said, 'label')])
  })

  it.concurrent('makes the labels that one machine makes', async () => {
    const album = inFolder('album')
    const model = inFolder('weights.pth')
    const run = inFolder('run')
    drawAlbum(album, 4, 6)
    await writeWeights(model)
    const extract = ['--input', album, '--weights', model, '--batch-size', '2', '--no-cache']
    const submitted = await facekit(['submit', 'slurm', ...extract, '--parts', '3', '--output', run])
    expect(submitted).toMatchObject({ status: 0, stdout: '' })
    expect(submitted.stderr).toMatch(
      /^extract: job \d+, 3 of 3 parts\nsearch: job \d+, 3 of 3 parts\nlabel: job \d+\nProgress: .* status /,
    )
    await noneQueued([jobOf(submitted.stderr.split('\n'), 'label')])

    const alone = (name: string) => inFolder('alone', name)
    const toEdges = ['--input', alone('embeddings'), '--output', alone('edges')]
    const toLabels = ['--input', alone('embeddings'), '--edges', alone('edges'), '--output', alone('labels')]
    const commands = [
      ['extract', ...extract, '--output', alone('embeddings')],
      ['search', ...toEdges],
      ['label', ...toLabels],
    ]
    for (const command of commands) expect(await facekit(command)).toMatchObject({ status: 0 })
    expect(contents(join(run, 'labels'))).toEqual(contents(alone('labels')))
    const again = submitAgain({ folder: run })
    expect(again.slice(0, 2)).toEqual([
      'extract: nothing to submit, 0 tasks in the queue',
      'search: nothing to submit, 0 tasks in the queue',
    ])
    await noneQueued([jobOf(again, 'label')])
    expect(contents(join(run, 'labels'))).toEqual(contents(alone('labels')))
  })

  it.concurrent('says what sbatch says', async () => {
    const run = new MadeRun(inFolder('refused'), 2)
    await expect(submitMade(run, { partition: 'nowhere' })).rejects.toMatchObject({
      code: 'SLURM',
      message: expect.stringMatching(/invalid partition specified.*submit\.sh$/) as string,
    })
  })
})
