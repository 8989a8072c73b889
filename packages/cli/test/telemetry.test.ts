import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum, writeBlockModel } from './album.js'
import { writePeople } from './people.js'
import { BIN, temporaryFolder } from './program.js'

const run = promisify(execFile)
const inFolder = temporaryFolder()
const album = inFolder('album')
const people = inFolder('people')
const model = inFolder('blocks.onnx')

beforeAll(async () => {
  drawAlbum(album, 2, 2)
  writeBlockModel(model)
  await writePeople(people, 300, 16)
})

/** Runs a program whose folders for all that is temporary, kept or cached are new, and says what is in them afterwards. */
async function leftBy(program: string, ...args: string[]): Promise<(string | Buffer)[]> {
  const folder = mkdtempSync(inFolder('home-'))
  const folders = { TMPDIR: folder, HOME: folder, XDG_CACHE_HOME: folder }
  await run(program, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...folders, ORT_DISABLE_TELEMETRY: undefined },
  })
  return readdirSync(folder, { recursive: true })
}

const script = (source: string) => ['--input-type=module', '--eval', source]

const SEARCH = (rows: number) => `
  import { Gallery, searchNeighbors } from '@facekit/index-faiss'
  const gallery = new Gallery(${rows}, 4)
  gallery.add(Float32Array.from({ length: 4 * ${rows} }, (_, i) => Math.sin(i * i)))
  for await (const _ of searchNeighbors(gallery, { threshold: 0.99999, topK: 2, threads: 2 })) continue`

describe('ONNX Runtime reports nothing to its maker', () => {
  it.concurrent.each([
    ['extract', () => [BIN, 'extract', '--input', album, '--weights', model, '--output', inFolder('embs')]],
    ['cluster', () => [BIN, 'cluster', '--input', people, '--output', inFolder('labels')]],
    ['doctor', () => [BIN, 'doctor', '--json']],
    [
      'the embedder alone',
      () =>
        script(`
          import { openEmbedder } from '@facekit/embedder'
          const embedder = await openEmbedder({ model: ${JSON.stringify(model)}, threads: 1 })
          await embedder.run(new Uint8Array(embedder.width * embedder.height * 3), 1)
          await embedder.close()`),
    ],
    ['the search alone', () => script(SEARCH(100))],
    ['the search alone, in threads', () => script(SEARCH(20_000))],
    [
      'devices alone',
      () =>
        script(`
          import { exactCodeRange } from '@facekit/devices'
          await exactCodeRange()`),
    ],
    [
      'a probe of a device alone',
      () =>
        script(`
          import { probe } from '@facekit/devices'
          await probe({ provider: 'cpu', index: 0 })`),
    ],
  ])('of %s: no file is left', async (_what, args) => {
    expect(await leftBy(process.execPath, ...args())).toEqual([])
  })

  it.skipIf(spawnSync('strace', ['--version']).error)(
    'over the network',
    { concurrent: true, timeout: 60_000 },
    async () => {
      const log = inFolder('calls')
      // It would look its host up some seconds after the first session.
      const source = `
        import { exactCodeRange } from '@facekit/devices'
        await exactCodeRange()
        setTimeout(() => {}, 15_000)`
      await leftBy('strace', '-f', '-e', 'trace=network', '-o', log, process.execPath, ...script(source))
      const calls = readFileSync(log, 'utf8').split('\n')
      expect(calls.filter((call) => /\b(connect|send\w*)\(/.test(call))).toEqual([])
    },
  )
})
