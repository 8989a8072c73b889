import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startSlurm, whyNoSlurm } from '../src/index.mjs'

/** Processes, but for those that have ended and that nobody has asked for. */
function processesWith(word: string): string[] {
  const commands = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
      } catch {
        return ''
      }
    })
  return commands.filter((command) => command.includes(word))
}

const noSlurm = whyNoSlurm()

it.skipIf(noSlurm)(
  `a Slurm runs jobs, and leaves nothing${noSlurm ? ` (skipped: ${noSlurm})` : ''}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'facekit-slurm-'))
    const slurm = await startSlurm(folder, { nodes: 2 })
    try {
      const args = ['--array=0-1', '--exclusive', `--output=${folder}/node-%a`, '--wrap']
      execFileSync('sbatch', [...args, 'echo $SLURMD_NODENAME; trap "" TERM; setsid sleep 600'], {
        env: slurm.env,
      })
      const outputs = () => readdirSync(folder).filter((name) => name.startsWith('node-'))
      const nodes = () => outputs().map((name) => readFileSync(join(folder, name), 'utf8').trim())
      while (nodes().filter((node) => node !== '').length < 2) await sleep(50)
      expect(nodes().sort()).toEqual(['n1', 'n2'])
      expect(processesWith(folder).length).toBeGreaterThan(5)
    } finally {
      await slurm.stop()
    }
    expect(processesWith(folder)).toEqual([])
    rmSync(folder, { recursive: true })
  },
)
