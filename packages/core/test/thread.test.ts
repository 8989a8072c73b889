import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import {
  FacekitError,
  OptionError,
  startHere,
  startThread,
  threadFile,
  type ServiceFactory,
} from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-thread-'))
afterAll(() => rmSync(folder, { recursive: true }))

class FileTrouble extends FacekitError {}

interface Service {
  double(value: number): number
  slow(): Promise<string>
  fail(kind: 'file' | 'option' | 'plain'): void
  vanish(): void
  unreadable(): unknown
  take(values: Float32Array): Float32Array
  wait(): Promise<void>
  close(): void
}

/** What the thread of these tests is made of, as plain Node reads it. */
function threadOf(source: string): URL {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.mjs`)
  const core = new URL('../dist/index.js', import.meta.url).href
  writeFileSync(path, `import { FacekitError, OptionError, serve } from ${JSON.stringify(core)}\n${source}`)
  return pathToFileURL(path)
}

const FILE = threadOf(`
  class FileTrouble extends FacekitError {}
  serve(async ({ factor }, context) => ({
    double: (value) => { context.notify('doubling ' + value); return factor * value },
    slow: () => new Promise((resolve) => setTimeout(resolve, 20, 'slow')),
    fail(kind) {
      if (kind === 'file') throw new FileTrouble('FILE_CUT', 'it is cut')
      throw kind === 'option' ? new OptionError('it is odd') : new TypeError('it is no function')
    },
    vanish: () => process.exit(0),
    unreadable: () => () => {},
    take: (values) => { context.transfer(values.buffer); return values },
    async wait() { while (!context.isStopped()) await new Promise((resolve) => setTimeout(resolve, 1)) },
  }))`)

const start = (notes: string[] = []) =>
  startThread<{ factor: number }, Service, string>(
    FILE,
    { factor: 2 },
    { name: 'facekit-test', onNote: (note) => notes.push(note), errors: [FileTrouble] },
  )

describe('a thread', () => {
  it('answers in order, and says what it has to say', async () => {
    const notes: string[] = []
    const thread = await start(notes)
    const answers = await Promise.all([thread.ask('slow', []), thread.ask('double', [21])])
    await thread.close()
    expect(answers).toEqual(['slow', 42])
    expect(notes).toEqual(['doubling 21'])
  })

  it('hands buffers over', async () => {
    const thread = await start()
    const values = Float32Array.of(1, 2)
    const back = await thread.ask('take', [values], [values.buffer])
    await thread.close()
    expect([values.length, [...back]]).toEqual([0, [1, 2]])
  })

  it('keeps class and code of errors', async () => {
    const thread = await start()
    const file = await thread.ask('fail', ['file']).catch((error: unknown) => error)
    const option = await thread.ask('fail', ['option']).catch((error: unknown) => error)
    const plain = await thread.ask('fail', ['plain']).catch((error: unknown) => error)
    expect(await thread.ask('double', [1])).toBe(2)
    await thread.close()
    expect(file).toBeInstanceOf(FileTrouble)
    expect(file).toMatchObject({ code: 'FILE_CUT', message: 'it is cut', name: 'FileTrouble' })
    expect(option).toBeInstanceOf(OptionError)
    expect(plain).toMatchObject({ message: 'it is no function' })
    expect(plain).not.toBeInstanceOf(FacekitError)
  })

  it.each([
    ['it ends', 'vanish'],
    ['its answer cannot be sent', 'unreadable'],
  ] as const)('fails what waits for it when %s', async (_case, method) => {
    const thread = await start()
    const asked = [thread.ask(method, []), method === 'vanish' ? thread.ask('double', [1]) : undefined]
    for (const answer of asked) if (answer) await expect(answer).rejects.toThrow()
    await thread.close()
    await expect(thread.ask('double', [1])).rejects.toMatchObject({ code: 'THREAD' })
  })

  it('whose file a bundler left out says so, and what to do', async () => {
    const bundled = pathToFileURL(join(folder, 'bundle/thread.js'))
    await expect(startThread(bundled, undefined, { name: 'lost' })).rejects.toMatchObject({
      code: 'THREAD_FILE',
      message: expect.stringMatching(/lost at .*bundle.thread\.js but it is not there.*--external:@facekit/),
    })
  })

  it('fails what was asked for when it is closed, and ends what takes long', async () => {
    const thread = await start()
    const wait = expect(thread.ask('wait', [])).rejects.toMatchObject({ code: 'THREAD' })
    await thread.close()
    await wait
  })

  it.each([
    [
      'its service cannot be made',
      `serve(async () => { throw new OptionError('no such device') })`,
      'OPTION',
    ],
    ['it ends before', 'process.exit(0)', 'THREAD'],
    ['it does not run at all', `throw new Error('broken')`, 'THREAD'],
    ['its service never comes', 'serve(() => new Promise(() => process.exit(0)))', 'THREAD'],
  ])('does not start where %s', async (_case, source, code) => {
    await expect(startThread(threadOf(source), {}, { name: 'facekit-test' })).rejects.toMatchObject({ code })
  })
})

describe('a service that runs here', () => {
  const factory: ServiceFactory<number, Pick<Service, 'double' | 'fail' | 'close'>, string> = async (
    factor,
    { notify },
  ) => ({
    double(value) {
      notify(`doubling ${value}`)
      return factor * value
    },
    fail() {
      throw new FileTrouble('FILE_CUT', 'it is cut')
    },
    close: () => notify('closed'),
  })

  it('has the same face', async () => {
    const notes: string[] = []
    const here = await startHere(factory, 3, (note) => notes.push(note))
    expect(await here.ask('double', [2])).toBe(6)
    await expect(here.ask('fail', ['file'])).rejects.toBeInstanceOf(FileTrouble)
    await Promise.all([here.close(), here.close()])
    expect(notes).toEqual(['doubling 2', 'closed'])
    await expect(here.ask('double', [2])).rejects.toMatchObject({ code: 'THREAD' })
  })
})

it.each([
  ['file:///a/src/b/packages/c/dist/d/e.js', 'file:///a/src/b/packages/c/dist/d/thread.js'],
  ['file:///a/src/b/packages/c/src/d/e.ts', 'file:///a/src/b/packages/c/dist/d/thread.js'],
  ['file:///a/node_modules/c/dist/e.js', 'file:///a/node_modules/c/dist/thread.js'],
])('the thread beside %s is %s', (from, thread) => {
  expect(threadFile(from, './thread.js').href).toBe(thread)
})
