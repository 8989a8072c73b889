import { rounds, seededRandom } from '@facekit/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { facekit } from './program.js'

// None of them starts work: what they name is not there.
const WORDS = `
ä 😀 " ' $0 * . [ x a=b = 0 -1 1e9 NaN
- -- --- --= --=x -= --. --.. -. --_ --_=1 --$0 --1 --" --'
-h -v -x -xyz -a.b --a.b --a.b=c --no- --no-no- --show-hidden
__proto__ constructor toString valueOf hasOwnProperty --__proto__ --__proto__.x=1 --no-__proto__ -__proto__
--constructor --constructor=1 --toString --valueOf
--get-yargs-completions --no-get-yargs-completions --get-yargs-completions.x -get-yargs-completions
--help --version --help=x --json --json= --quiet --no-json --use_gpu False
--output=nowhere --outputs --outputs= --topK --top-k=5 --weights --devices --devices= --pixel-mean --memory-limit
--precision --precision=int8 int8 --engine --provider
facekit extract cluster search label thresholds evaluate convert completion`
  .trim()
  .split(/\s+/)
  .concat('', ' ', '\n', '\x1b')

function randomLines(seed: number): () => string[] {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  return () => Array.from({ length: below(6) }, () => WORDS[below(WORDS.length)]!)
}

describe('completion', () => {
  it('is asked about any line, and never fails', async () => {
    const line = randomLines(1)
    for (let round = 0; round < rounds(500, 20_000); round++) {
      const words = line()
      const { status, stderr } = await facekit(['--get-yargs-completions', ...words])
      expect({ status, stderr }, JSON.stringify(words)).toEqual({ status: 0, stderr: '' })
    }
  })

  beforeEach(() => {
    vi.stubEnv('SHELL', '/bin/bash')
    vi.stubEnv('ZSH_NAME', undefined)
  })
  afterEach(() => void vi.unstubAllEnvs())

  const completed = async (...words: string[]) => {
    const { stdout } = await facekit(['--get-yargs-completions', 'facekit', ...words])
    return stdout.split('\n').slice(0, -1)
  }

  it('knows commands, flags and choices', async () => {
    expect(await completed('')).toEqual(expect.arrayContaining(['extract', 'cluster', 'completion']))
    expect(await completed('clu')).toContain('cluster')
    expect(await completed('--')).toEqual(['--help', '--version'])
    expect(await completed('thresholds', '--st')).toContain('--step')
    expect(await completed('doctor', '')).toEqual(['--json', '--help', '--version'])
    expect(await completed('extract', '--precision', '')).toEqual(expect.arrayContaining(['fp16', 'int8']))
    expect(await completed('extract', '--')).toContain('--weights')
  })

  it('offers no flag twice, however it was spelled, and files where a value is due', async () => {
    const flags = await completed('cluster', '--topK', '5', '--no-use_gpu', '--cluster_thresh=0.5', '--')
    expect(flags).toContain('--duplicate-thresh')
    expect(flags.filter((flag) => /top-k|use-gpu|cluster-thresh/.test(flag))).toEqual([])
    expect(await completed('cluster', '--input', '')).toEqual([])
    expect(await completed('cluster', '--top-k', 'half a number', '--eng')).toContain('--engine')
  })

  it('speaks as the script for the shell expects', async () => {
    vi.stubEnv('SHELL', '/bin/fish')
    expect(await completed('')).toContain('cluster\tEmbeddings to training labels')
    vi.stubEnv('ZSH_NAME', 'zsh')
    expect(await completed('')).toContain('cluster:Embeddings to training labels')
    expect(await completed('extract', '--precision', '')).toContain('int8')
  })
})

describe('a command line', () => {
  it('is run, or refused as usage, whatever it says', async () => {
    const line = randomLines(2)
    for (let round = 0; round < rounds(300, 10_000); round++) {
      const words = line()
      if (words.includes('cluster') || words.includes('extract')) words.push('--input=nowhere')
      const { status, stdout, stderr } = await facekit(words)
      const what = `${JSON.stringify(words)}: ${stderr}`
      // Help and the like; usage; input that is not there.
      expect([0, 2, 3], what).toContain(status)
      if (status === 0) expect([stdout === '', stderr], what).toEqual([false, ''])
      else
        expect(stderr, what).toMatch(
          status === 2 ? /^facekit: .* \[OPTION\]\n$/ : /^facekit: .* \[[A-Z_]+\]\n$/,
        )
      // Faults that yargs takes for mistakes of the user.
      expect(stderr, what).not.toMatch(/unexpected error|is not a function|is not iterable|Cannot read/)
    }
  })
})
