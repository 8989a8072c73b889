import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KILL_AT, rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { writePeople } from './people.js'
import { builtFacekit, contents, facekit, outcomeOf, startWith, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const embeddings = inFolder('embeddings')
const output = inFolder('output')
/** Progress is recorded whenever it can be. */
const ALWAYS = { FACEKIT_CHECKPOINT_MS: '0' }

/** Of each, where in its output the edges are. */
const COMMANDS = [
  ['search', '.', ['search', '--input', embeddings, '--floor', '0.6', '--threads', '1']],
  ['cluster', 'edges', ['cluster', '--input', embeddings, '--save_groups', '0', '--threads', '1']],
] as const

const whole = new Map<string, Map<string, string>>()

beforeAll(async () => {
  // Two groups of query tiles.
  await writePeople(embeddings, 10_000, 32)
  for (const [name, , args] of COMMANDS) {
    const folder = inFolder(`whole-${name}`)
    const { status, stderr } = await facekit([...args, '--output', folder])
    expect(status, stderr).toBe(0)
    whole.set(name, contents(folder))
  }
}, 120_000)

const goOn = async (args: readonly string[]) =>
  builtFacekit([...args, '--output', output, '--resume'], { env: ALWAYS })

describe.each(COMMANDS)('%s that is killed', (name, at, args) => {
  it('at random moments, is gone on with to the same bytes', async () => {
    const random = seededRandom(name.length)
    let goneOn = 0
    for (let round = 0; round < rounds(4, 25); round++) {
      rmSync(output, { recursive: true, force: true })
      for (let lives = 0; lives < 2; lives++) {
        const program = startWith(ALWAYS, ...args, '--output', output, '--resume')
        const ended = outcomeOf(program)
        // Any moment, or one when something is recorded.
        if (round % 2 === 0) await sleep(random() * 1500)
        else {
          while (program.exitCode === null && !existsSync(join(output, at, '.facekit-run/progress.json')))
            await sleep(2)
          await sleep(random() * 200)
        }
        program.kill('SIGKILL')
        await ended
      }
      const { status, stderr } = await goOn(args)
      expect(status, stderr).toBe(0)
      if (stderr.includes('Going on with')) goneOn++
      expect(contents(output)).toEqual(whole.get(name))
    }
    expect(goneOn).toBeGreaterThan(0)
  }, 600_000)

  it('between what is flushed and what is renamed, is gone on with to the same bytes', async () => {
    const random = seededRandom(2 + name.length)
    for (let round = 0; round < rounds(4, 25); round++) {
      rmSync(output, { recursive: true, force: true })
      let killed = 0
      for (let lives = 0; lives < 3; lives++) {
        const step = String(1 + Math.floor(random() ** 2 * 150))
        const env = { ...ALWAYS, NODE_OPTIONS: `--import=${KILL_AT}`, FACEKIT_KILL_AT: step }
        const { status } = await builtFacekit([...args, '--output', output, '--resume'], { env })
        if (status === null) killed++
      }
      const { status, stderr } = await goOn(args)
      expect(status, stderr).toBe(0)
      expect(contents(output), `round ${round}, killed ${killed} times`).toEqual(whole.get(name))
    }
  }, 600_000)
})

describe('an unfinished search', () => {
  const [, , args] = COMMANDS[0]
  const search = (...flags: string[]) => facekit([...args, '--output', output, ...flags])

  /** Dies when it has recorded something. */
  async function unfinished(): Promise<void> {
    rmSync(output, { recursive: true, force: true })
    const program = startWith(ALWAYS, ...args, '--output', output)
    const ended = outcomeOf(program)
    while (!existsSync(join(output, '.facekit-run/progress.json'))) await sleep(5)
    program.kill('SIGKILL')
    await ended
  }

  it('is not lost where a word is left out, which is said', async () => {
    await unfinished()
    const before = contents(output)
    const { status, stderr } = await search()
    expect([status, stderr]).toEqual([
      3,
      expect.stringMatching(
        /Go on with it by --resume, or begin anew with --no-resume. \[RUN_UNFINISHED\]\n$/,
      ),
    ])
    before.forEach((bytes, file) => file.includes('owner-') || expect(contents(output).get(file)).toBe(bytes))
    expect((await search('--no-resume')).status).toBe(0)
    expect(contents(output)).toEqual(whole.get('search'))
  })

  it.each([
    ['--floor', '0.65', /the floor was 0\.6 and is 0\.6[45]\d*/],
    ['--topK', '7', /--topK was 100 and is 7/],
  ])('is not gone on with by another %s', async (flag, value, difference) => {
    await unfinished()
    const other = args.includes(flag)
      ? args.map((arg, at) => (args[at - 1] === flag ? value : arg))
      : [...args, flag, value]
    const { status, stderr } = await facekit([...other, '--output', output, '--resume'])
    expect([status, stderr]).toEqual([3, expect.stringMatching(difference)])
    expect(stderr).toContain('[RUN_DIFFERS]')
    // Nothing else is said: this command does not go on.
    expect(stderr).not.toContain('the same command with --resume')
    expect((await search('--resume')).status).toBe(0)
    expect(contents(output)).toEqual(whole.get('search'))
  })

  it('is not gone on with by other embeddings', async () => {
    await unfinished()
    const others = inFolder('others')
    await writePeople(others, 10_000, 31)
    const { status, stderr } = await facekit(
      [...args, '--input', others, '--output', output, '--resume'].toSpliced(1, 2),
    )
    expect([status, stderr]).toEqual([3, expect.stringMatching(/the embeddings was \w+… and is \w+…/)])
  })

  it('is not trusted: what is not as it was recorded is named', async () => {
    await unfinished()
    const hidden = join(output, '.facekit-run')
    const piece = readdirSync(hidden).find((file) => file.startsWith('piece-'))!
    const bytes = readFileSync(join(hidden, piece))
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(join(hidden, piece), bytes)
    const { status, stderr } = await search('--resume')
    expect([status, stderr]).toEqual([3, expect.stringContaining(piece)])
    expect(stderr).toContain('--no-resume. [RUN_DAMAGED]')
  })

  it('of edges is none of labels', async () => {
    await unfinished()
    const labels = ['cluster', '--input', embeddings, '--output', output, '--save_groups', '0']
    const { status, stderr } = await facekit([...labels, '--resume'])
    expect([status, stderr]).toEqual([3, expect.stringContaining('the unfinished one there makes edges')])
    const label = ['label', '--input', embeddings, '--edges', inFolder('whole-search'), '--output', output]
    expect((await facekit(label)).stderr).not.toContain('--no-resume')
    expect((await facekit([...labels, '--no-resume'])).status).toBe(0)
  })

  it('is found before a stream is read', async () => {
    await unfinished()
    const labels = inFolder('labels-of-a-stream')
    rmSync(labels, { recursive: true, force: true })
    mkdirSync(labels)
    renameSync(output, join(labels, 'edges'))
    const { status, stderr } = await facekit(['cluster', '--output', labels], Buffer.from('no stream at all'))
    expect([status, stderr]).toEqual([3, expect.stringContaining('[RUN_UNFINISHED]')])
  })

  it('which was stopped by a signal, has recorded what it did and says how to go on', async () => {
    rmSync(output, { recursive: true, force: true })
    const program = startWith(ALWAYS, ...args, '--output', output)
    const ended = outcomeOf(program)
    while (!existsSync(join(output, '.facekit-run/progress.json'))) await sleep(5)
    program.kill('SIGTERM')
    const { status, stderr } = await ended
    expect(status, stderr).toBe(143)
    expect(stderr).toContain(`What is done is recorded in ${output}: the same command with --resume goes on`)
    expect((await search('--resume')).status).toBe(0)
    expect(contents(output)).toEqual(whole.get('search'))
  })

  it('is none of a run that begins: --resume is no hindrance', async () => {
    rmSync(output, { recursive: true, force: true })
    expect((await search('--resume')).status).toBe(0)
    expect(contents(output)).toEqual(whole.get('search'))
  })
})

const mayMount = (() => {
  const disk = inFolder('trial')
  mkdirSync(disk)
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0
  if (isMounted) spawnSync('umount', [disk])
  return isMounted
})()

describe.skipIf(!mayMount).each(COMMANDS)('%s on a disk that is full', (name, _at, args) => {
  it('says so, and goes on to the same bytes when there is room', async () => {
    const disk = inFolder(`disk-${name}`)
    mkdirSync(disk)
    const folder = join(disk, 'output')
    const random = seededRandom(7)
    for (let round = 0; round < rounds(4, 20); round++) {
      const kibibytes = 40 + Math.floor(random() * 1000)
      spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', disk])
      try {
        const { status, stderr } = await builtFacekit([...args, '--output', folder], { env: ALWAYS })
        if (status !== 0) {
          expect(stderr).toMatch(/facekit: .*ENOSPC.*The disk is full: make room, and run again\./)
          expect(status).toBe(3)
        }
        spawnSync('mount', ['-o', 'remount,size=16m', disk])
        const again = await builtFacekit([...args, '--output', folder, '--resume'], { env: ALWAYS })
        expect(again.status, again.stderr).toBe(0)
        expect(contents(folder)).toEqual(whole.get(name))
      } finally {
        spawnSync('umount', [disk])
      }
    }
  }, 300_000)
})
