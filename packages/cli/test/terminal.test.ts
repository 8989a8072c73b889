import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buildModel } from '@facekit/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { describeExamination, examine } from '../src/doctor/run.js'
import { main } from '../src/main.js'
import { Progress } from '../src/progress.js'
import { printSummary } from '../src/summary.js'
import { CLEAR_LINE, createTalk } from '../src/talk.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { builtFacekit, facekit, streamOf, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()

/** What a file may be called: it clears the terminal, rings, begins a line of its own and turns what follows around. */
const NAME = 'a\x1b[2J\x07\r\nFAKE line\u202e\u009b\u2028z'
const SHOWN = 'a\\x1b[2J\\x07\\r\\nFAKE line\\u202e\\u009b\\u2028z'

const album = inFolder('album')
const model = inFolder('blocks.onnx')
beforeAll(() => {
  drawAlbum(album, 2, 2)
  writeBlockModel(model)
})

/** Only lines, and none of them begun by a name. */
function expectHarmless(said: string): void {
  expect(said).not.toMatch(/(?!\n)[\p{Control}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
  expect(said).not.toMatch(/^FAKE/m)
}

/** A model of one node, from `image` to an output of the hostile name. */
function writeModel(file: string, opType: string, inputs: string[]): string {
  const bytes = buildModel({
    name: 'm',
    inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
    outputs: [{ name: NAME, elementType: 'float32', shape: ['N', 'D'] }],
    nodes: [{ opType, inputs, outputs: [NAME] }],
    // Of which no number of pixels is a multiple.
    initializers: [{ name: 'shape', elementType: 'int64', shape: [2], data: BigInt64Array.of(-1n, 7919n) }],
  })
  writeFileSync(file, bytes)
  return file
}

describe('a terminal', () => {
  it('is not told to do anything by the names of images that failed', async () => {
    writeFileSync(join(album, `${NAME}.jpg`), 'no picture')
    const { status, stderr } = await facekit(['extract', '--input', album, '--weights', model, '--json'])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`Left out ${join(album, SHOWN)}.jpg: `)
    expectHarmless(stderr)
  })

  it('is not told to do anything by the lines of a list', async () => {
    const list = inFolder('list.txt')
    writeFileSync(list, `${join(album, 'person_0/0.bmp')}\nno\x1b[31mfile\u0085\u202e.jpg\n`)
    const { status, stderr } = await facekit(['extract', '--input', list, '--weights', model])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('no\\x1b[31mfile\\u0085\\u202e.jpg: ')
    expectHarmless(stderr)
  })

  it('is not told to do anything by the names of folders', async () => {
    const [embeddings, labels] = [inFolder(`${NAME}-in`), inFolder(`${NAME}-out`)]
    mkdirSync(embeddings)
    await facekit(['extract', '--input', album, '--weights', model, '--output', embeddings])
    const { status, stderr } = await facekit(['cluster', '--input', embeddings, '--output', labels])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`${SHOWN}-out`)
    expectHarmless(stderr)
  })

  it.each([
    ['a folder of images that is not there', ['extract', '--weights', model, '--input', NAME]],
    ['a model that is not there', ['extract', '--input', album, '--weights', NAME]],
    ['weights that are not there', ['convert', `${NAME}.pth`, 'x.onnx']],
    ['embeddings that are not there', ['cluster', '--input', NAME]],
    ['edges that are not there', ['thresholds', NAME]],
    ['labels that are not there', ['evaluate', NAME, '--truth', album]],
    ['a flag', ['cluster', `--${NAME}`]],
    ['the value of a flag', ['cluster', `--top-k=${NAME}`]],
    ['a choice', ['cluster', `--engine=${NAME}`]],
    ['a command', [NAME]],
  ])('is not told to do anything by the name of %s', async (_case, args) => {
    const { status, stderr } = await facekit(args)
    expect(status).toBeGreaterThan(0)
    expect(stderr).toMatch(/\\(x|u00)1b\[2J/)
    expectHarmless(stderr)
  })

  it('is not told to do anything by the names in a model', async () => {
    const file = writeModel(inFolder('unknown-operator.onnx'), `Flatten${NAME}`, ['image'])
    const { status, stderr } = await facekit(['extract', '--input', album, '--weights', file])
    expect(status).toBe(3)
    expect(stderr).toContain(SHOWN)
    expectHarmless(stderr)
  })

  it('hears of a model that fails from the program only, and not from ONNX Runtime past it', async () => {
    const file = writeModel(inFolder('fails.onnx'), 'Reshape', ['image', 'shape'])
    const { status, stderr } = await builtFacekit(['extract', '--input', album, '--weights', file])
    expect(stderr).toMatch(/^facekit: .*Reshape.*\n$/)
    expectHarmless(stderr)
    expect(status).toBe(3)
  })

  it('is told by progress to begin its line anew, and nothing else', () => {
    const stderr = new PassThrough({ encoding: 'utf8' })
    const talk = createTalk(Object.assign(stderr, { isTTY: true, columns: 40 }), false)
    const progress = new Progress('extract', 'images')
    progress.note = NAME
    talk.progress(progress)
    talk.warn(NAME)
    const said = String(stderr.read())
    const lines = said.split('\r\x1b[K')
    expect(lines).toHaveLength(3)
    expectHarmless(lines.join(''))
  })

  it('that says it is 0 columns wide is shown whole lines', () => {
    const stderr = new PassThrough({ encoding: 'utf8' })
    const talk = createTalk(Object.assign(stderr, { isTTY: true, columns: 0 }), false)
    const progress = new Progress('extract', 'images')
    progress.finish()
    talk.progress(progress)
    expect(String(stderr.read())).toMatch(/ in 0\.0 s\n$/)
  })

  it('is not told to do anything by the names of GPUs', async () => {
    const adapter = { name: NAME, memoryBytes: undefined, source: 'vulkaninfo' } as const
    const examination = { ...(await examine()), adapters: [adapter] }
    const report = describeExamination(examination)
    expect(report).toContain(`GPU               ${SHOWN} (vulkaninfo)\n`)
    expectHarmless(report)
  })

  it('shows the trace of an unexpected error in lines', async () => {
    const stdin = new Readable({ read: () => stdin.destroy(new Error('broken by \x1b[2J')) })
    const [stdout, stderr] = [new PassThrough(), new PassThrough({ encoding: 'utf8' })]
    const args = ['cluster', '--output', inFolder('unexpected')]
    expect(await main(args, { streams: { stdin, stdout, stderr } })).toBe(3)
    const said = String(stderr.read())
    expect(said).toMatch(/^facekit: unexpected error Error: broken by \\x1b\[2J\n    at .*\n    at /)
    expectHarmless(said)
  })

  it('gets summaries that are harmless, too, and the same JSON', async () => {
    const stdout = new PassThrough({ encoding: 'utf8' })
    const [stdin, stderr] = [new PassThrough(), new PassThrough()]
    await printSummary({ files: [NAME] }, { stdin, stdout, stderr })
    const said = String(stdout.read())
    expectHarmless(said)
    expect(JSON.parse(said)).toEqual({ files: [NAME] })
  })

  it('that two programs of a pipe share is drawn on by the first alone, and lines begin anew', async () => {
    const stream = await streamOf(['extract', '--input', album, '--weights', model])
    const [stdout, stderr] = [new PassThrough(), new PassThrough({ encoding: 'utf8' })]
    const stdin = Readable.from([stream])
    const streams = { stdin, stdout, stderr: Object.assign(stderr, { isTTY: true, columns: 80 }) }
    expect(await main(['cluster', '--output', inFolder('shared')], { streams })).toBe(0)
    const said = String(stderr.read())
    expect(said.match(/receive: [^\r\n]*\n?/g)).toEqual([expect.stringMatching(/ in \d.*\n$/)])
    for (const line of said.split('\n').slice(0, -1)) expect(line.startsWith(CLEAR_LINE), line).toBe(true)
  })

  it('is told of a failure in a line of its own', async () => {
    const [stdin, stdout, stderr] = [
      new PassThrough(),
      new PassThrough(),
      new PassThrough({ encoding: 'utf8' }),
    ]
    const streams = { stdin, stdout, stderr: Object.assign(stderr, { isTTY: true }) }
    expect(await main(['cluster', '--input', 'nowhere'], { streams })).toBe(3)
    expect(String(stderr.read())).toContain(`${CLEAR_LINE}facekit: nowhere`)
  })
})
