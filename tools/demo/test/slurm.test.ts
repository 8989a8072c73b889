import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { KILL_AT, startSlurm, whyNoSlurm } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderAlbum } from '../src/album.js'

const FACEKIT = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.resolve('facekit')))
const MODEL = fileURLToPath(new URL('../model/demo.pth', import.meta.url))
const ALBUM = { identities: 300, picturesPerIdentity: [4, 8], duplicates: 0.05, seed: 20 } as const
const PARTS = 6
const LABELS = ['--duplicate_thresh', '0.96', '--save_groups', '3']

const why = whyNoSlurm()
if (why) console.warn(`Skipped, since Slurm cannot be started: ${why}`)

const root = mkdtempSync(join(tmpdir(), 'facekit-slurm-'))
const [album, run, whole] = [join(root, 'album'), join(root, 'run'), join(root, 'whole')]
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function facekit(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const program = spawn(process.execPath, [FACEKIT, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let [stdout, stderr] = ['', '']
  program.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  program.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [status] = (await once(program, 'close')) as [number]
  expect(status, stderr).toBe(0)
  return stdout
}

interface Stage {
  done: number
  running: number
  failed: number
  missing: number[]
}
const status = async () =>
  (JSON.parse(await facekit(['status', run, '--json'])) as { stages: Record<string, Stage> }).stages

/** Checksums of all files but those that say when and how they were made. */
function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => statSync(join(folder, name)).isFile() && !/(?:^|\/)(?:\..*|run\.json)$/.test(name),
  )
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')
  return Object.fromEntries(names.sort().map((name) => [name, hash(name)]))
}

/** Lets the first try of a task die in the midst of its work, as by SIGKILL, before a certain change of names or flush. */
function letDie(script: string, task: number, step: number): void {
  const path = join(run, 'slurm', script)
  const lines = [
    `if [[ $SLURM_ARRAY_TASK_ID == ${task} && \${SLURM_RESTART_COUNT:-0} == 0 ]]; then`,
    `  export FACEKIT_CHECKPOINT_MS=0 FACEKIT_KILL_AT=${step} NODE_OPTIONS='--import ${KILL_AT}'`,
    'fi',
  ]
  const text = readFileSync(path, 'utf8')
  expect(text).toContain('\ntask=(')
  writeFileSync(path, text.replace('\ntask=(', `\n${lines.join('\n')}\ntask=(`))
}

describe.skipIf(why !== undefined)('the demo’s album on three nodes of a Slurm', () => {
  let slurm: Awaited<ReturnType<typeof startSlurm>>
  beforeAll(async () => {
    await renderAlbum({ ...ALBUM, output: album })
    slurm = await startSlurm(join(root, 'slurm'))
  }, 120_000)
  afterAll(async () => slurm?.stop())

  it(
    'has the labels of one process, though tasks were killed in the midst of it',
    { timeout: 300_000 },
    async () => {
      const extract = ['--input', album, '--weights', MODEL]
      await facekit(['extract', ...extract, '--output', join(whole, 'embeddings')])
      await facekit([
        'cluster',
        '--input',
        join(whole, 'embeddings'),
        '--output',
        join(whole, 'labels'),
        ...LABELS,
      ])

      const submit = ['submit', 'slurm', ...extract, '--output', run, '--parts', String(PARTS), ...LABELS]
      await facekit([...submit, '--floor', '0.7', '--dry-run'], slurm.env)
      const scripts = readdirSync(join(run, 'slurm')).filter((name) => name.endsWith('.sh'))
      expect(scripts.sort()).toEqual(['extract.sh', 'label.sh', 'search.sh', 'submit.sh'])
      // Debian has it; elsewhere bash alone looks at them.
      const checker = spawnSync('shellcheck', ['--version']).status === 0 ? 'shellcheck' : 'bash'
      for (const script of scripts)
        execFileSync(checker, [...(checker === 'bash' ? ['-n'] : []), script], { cwd: join(run, 'slurm') })

      const begin = { done: 0, running: 0, failed: 0, missing: [0, 1, 2, 3, 4, 5] }
      expect(await status()).toMatchObject({
        extract: begin,
        search: begin,
        label: { done: 0, missing: [0] },
      })

      letDie('extract.sh', 2, 150)
      letDie('search.sh', 3, 12)
      const env = { ...process.env, ...slurm.env }
      const submitted = execFileSync('bash', [join(run, 'slurm/submit.sh')], { env, encoding: 'utf8' })
      expect(submitted).toMatch(
        /extract: job \d+, 6 of 6 parts\nsearch: job \d+, 6 of 6 parts\nlabel: job \d+\n/,
      )

      const seen = new Set<string>()
      for (let stages = await status(); stages['label']!.done === 0; stages = await status()) {
        for (const stage of ['extract', 'search']) {
          const { done, running, failed, missing } = stages[stage]!
          expect(done + running + missing.length).toBe(PARTS)
          expect(failed).toBeLessThanOrEqual(missing.length)
          if (stage === 'search' && done + running > 0) expect(stages['extract']!.done).toBe(PARTS)
          if (running > 0) seen.add(`${stage} runs`)
          if (failed > 0) seen.add(`${stage} was killed`)
        }
        await sleep(100)
      }
      expect([...seen].sort()).toEqual(
        expect.arrayContaining(['extract runs', 'extract was killed', 'search was killed']),
      )
      for (const [stage, task] of [
        ['extract', 2],
        ['search', 3],
      ] as const) {
        const log = readFileSync(join(run, 'slurm/logs', `${stage}-${task}.log`), 'utf8')
        expect(log).toMatch(/ended by signal 9[^]*restart 1/)
      }
      const end = { done: PARTS, running: 0, failed: 0, missing: [] }
      expect(await status()).toMatchObject({ extract: end, search: end, label: { done: 1, missing: [] } })

      const labels = filesIn(join(whole, 'labels'))
      const edges = Object.fromEntries(Object.entries(labels).filter(([name]) => name.startsWith('edges/')))
      expect(Object.keys(labels).length).toBeGreaterThan(Object.keys(edges).length + 5)
      for (const name of Object.keys(edges)) delete labels[name]
      expect(filesIn(join(run, 'labels'))).toEqual(labels)
      expect(filesIn(join(run, 'edges'))).toEqual(
        Object.fromEntries(Object.entries(edges).map(([name, hash]) => [name.slice('edges/'.length), hash])),
      )
    },
  )
})
