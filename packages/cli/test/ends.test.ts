import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { Interruption } from '../src/interruption.js'
import { drawAlbum, writeBlockModel, writeSlowModel } from './album.js'
import { builtFacekit, facekit, outcomeOf, shell, start, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const slow = inFolder('slow.onnx')
const list = inFolder('list.txt')
const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))
const IMAGES = 20
/** Said where stopping takes more than a moment. */
const STOPPING = 'facekit: finishing what is being computed; once more ends it at once\n'

beforeAll(() => {
  drawAlbum(album, 4, IMAGES / 4)
  writeBlockModel(model)
  writeSlowModel(slow)
  writeFileSync(list, `${join(album, 'person_0/0.bmp')}\n`.repeat(1000))
})

describe('stopped in the middle of a forward pass', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s, extract says so and leaves nothing', async (signal, status) => {
    const output = inFolder(`stopped-${signal}`)
    const program = start('extract', '--input', list, '--weights', slow, '--output', output, '--quiet')
    while (!existsSync(output)) await sleep(20)
    await sleep(300)
    program.kill(signal)
    const outcome = await outcomeOf(program)
    expect(outcome.stderr.replace(STOPPING, '')).toBe(
      `facekit: stopped by ${signal}; nothing half-written is left\n`,
    )
    expect(outcome.status).toBe(status)
    expect(existsSync(output)).toBe(false)
  })

  it.each([
    ['a second signal', ['SIGINT', 'SIGTERM']],
    ['patience that ends', ['SIGTERM']],
  ] as const)('for longer than anybody waits, extract is ended by %s', async (_what, signals) => {
    // A forward pass of minutes.
    writeSlowModel(inFolder('endless.onnx'), 100)
    const output = inFolder(`ended-${signals.length}`)
    const args = [
      '--input',
      list,
      '--weights',
      inFolder('endless.onnx'),
      '--batch-size',
      '64',
      '--output',
      output,
    ]
    const program = start('extract', ...args)
    const outcome = outcomeOf(program)
    await new Promise((resolve) => program.stderr.once('data', resolve))
    await sleep(1000)
    for (const signal of signals) {
      program.kill(signal)
      await sleep(200)
    }
    const { status, stderr } = await outcome
    expect([status, program.signalCode]).toEqual([null, signals.at(-1)])
    if (signals.length === 1)
      expect(stderr).toContain('ended by SIGTERM in the middle of what is being computed')
    // What could be put in order meanwhile was.
    expect(existsSync(output) ? readdirSync(output) : ['.facekit-run']).toEqual(['.facekit-run'])
    const again = await facekit(['extract', '--input', list, '--weights', model, '--output', output])
    expect(again.status, again.stderr).toBe(0)
  })

  it('by a reader that goes away, extract ends quietly', async () => {
    const command = '"$@" | head -c 1000 > /dev/null; echo ${PIPESTATUS[0]}'
    const { stdout, stderr } = await shell(command, 'extract', '--input', list, '--weights', slow, '--quiet')
    expect([stdout, stderr]).toEqual(['141\n', ''])
  })
})

it('a signal that comes twice, as from timeout, is one signal', async () => {
  const output = inFolder('echo')
  const program = start('extract', '--input', list, '--weights', slow, '--output', output, '--quiet')
  while (!existsSync(output)) await sleep(20)
  await sleep(300)
  program.kill('SIGTERM')
  await sleep(5)
  program.kill('SIGTERM')
  const { status, stderr } = await outcomeOf(program)
  expect(stderr).toContain('stopped by SIGTERM; nothing half-written is left')
  expect(status).toBe(143)
  expect(existsSync(output)).toBe(false)
})

it('an error that nobody caught has the status of a failure', async () => {
  // Not before the program is there to hear it.
  const fault = `data:text/javascript,const at = setInterval(() => { if (process.listenerCount('uncaughtException') === 0) return; clearInterval(at); throw new TypeError('a fault') }, 20)`
  const env = { NODE_OPTIONS: `--import "${fault.replaceAll(' ', '%20')}"` }
  const { status, stderr } = await builtFacekit(['extract', '--input', list, '--weights', slow, '--quiet'], {
    env,
  })
  expect(stderr).toContain('facekit: unexpected error TypeError: a fault')
  expect(status).toBe(3)
})

describe('stopped while it waits for its input', () => {
  it.each([
    ['extract', ['extract', '--input', '-', '--weights', model, '--output', inFolder('waiting-extract')]],
    ['cluster', ['cluster', '--output', inFolder('waiting-cluster')]],
  ] as const)('%s says so', async (_command, args) => {
    const program = start(...args)
    while (!existsSync(args.at(-1)!)) await sleep(20)
    await sleep(300)
    program.kill('SIGTERM')
    // stdin stays open.
    const { status, stderr } = await outcomeOf(program)
    expect(stderr).toContain('stopped by SIGTERM')
    expect(status).toBe(143)
    expect(existsSync(args.at(-1)!)).toBe(false)
  })
})

it.each([
  ['extract', ['--input', album, '--weights', model, '--output', inFolder('at-once')]],
  ['cluster', ['--input', album, '--output', inFolder('at-once')]],
  ['thresholds', [album]],
  ['evaluate', [album, '--truth', album]],
  ['convert', [DEMO, inFolder('at-once')]],
  ['doctor', []],
])('stopped as soon as it begins, %s does nothing', async (command, args) => {
  const signal = AbortSignal.abort(new Interruption('SIGTERM'))
  const { status, stderr } = await facekit([command, ...args], undefined, signal)
  expect(stderr).toContain('facekit: stopped by SIGTERM; nothing half-written is left\n')
  expect(status).toBe(143)
  expect(existsSync(inFolder('at-once'))).toBe(false)
})

const extract = ['extract', '--input', album, '--weights', model]

describe('on a disk that is full', () => {
  it('says so and leaves nothing', async () => {
    const output = inFolder('full')
    // Files of at most 1 KiB.
    const { status, stderr } = await shell('ulimit -f 1; "$@"', ...extract, '--output', output)
    expect(stderr).toMatch(/facekit: .*EFBIG: file too large, write \[NPY_WRITE\]\n$/)
    expect(status).toBe(3)
    expect(existsSync(output)).toBe(false)
  })

  it.each([
    ['the embeddings', '"$@" > /dev/full', []],
    ['the summary', '"$@" --json > /dev/full', ['--output', inFolder('full-summary')]],
  ])('says so when %s cannot be printed', async (_what, script, args) => {
    const { status, stderr } = await shell(script, ...extract, ...args)
    expect(stderr).toMatch(/facekit: .*ENOSPC.*The disk is full: make room, and run again\..*\n$/)
    expect(stderr).not.toContain('    at ')
    expect(status).toBe(3)
  })

  it('ends with 3 also when the summary was to go where errors go', async () => {
    const { status, stdout } = await shell(
      '"$@" --json 2> /dev/full | wc -c; exit ${PIPESTATUS[0]}',
      ...extract,
    )
    expect(Number(stdout)).toBeGreaterThan(IMAGES * 192 * 4)
    expect(status).toBe(3)
  })
})

describe('when nobody', () => {
  // The read end of the pipe is closed before the program begins.
  const closed = 'exec 3> >(exec true); sleep 0.2;'

  it('reads the summary, ends quietly', async () => {
    const args = [...extract, '--output', inFolder('unread'), '--json', '--quiet']
    const { status, stderr } = await shell(`${closed} "$@" >&3`, ...args)
    expect([status, stderr]).toEqual([141, ''])
  })

  it('listens to what it says, goes on', async () => {
    const output = inFolder('unheard')
    writeFileSync(inFolder('some.txt'), `album/person_0/0.bmp\nmissing.jpg`)
    const args = ['extract', '--input', inFolder('some.txt'), '--weights', model]
    const files = await shell(`${closed} "$@" 2>&3`, ...args, '--output', output)
    expect(files.status).toBe(0)
    expect(readdirSync(output)).toContain('final_embs.npy')
    const stream = await shell(`${closed} "$@" 2>&3 | wc -c; exit \${PIPESTATUS[0]}`, ...args, '--json')
    expect(stream.status).toBe(0)
    expect(Number(stream.stdout)).toBeGreaterThan(192 * 4)
  })
})

describe('an output', () => {
  it('where no folder can be made is refused', async () => {
    const { status, stderr } = await shell('timeout -s KILL 20 "$@"', ...extract, '--output', '/proc/zzz')
    expect(stderr).toContain('[OUTPUT_FOLDER]')
    expect(status).toBe(3)
  })

  it('in which a folder has the name of a file is left as it was', async () => {
    const output = inFolder('taken')
    mkdirSync(join(output, 'failed.ndjson'), { recursive: true })
    writeFileSync(join(output, 'failed.ndjson', 'notes.txt'), 'mine')
    const { status, stderr } = await facekit([...extract, '--output', output])
    expect(stderr).toContain('[OUTPUT_EXISTS]')
    expect(status).toBe(3)
    expect(readdirSync(output, { recursive: true })).toEqual(['failed.ndjson', 'failed.ndjson/notes.txt'])
  })
})
