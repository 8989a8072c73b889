import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type * as EmbedderModule from '@facekit/embedder'
import type * as IresnetModule from '@facekit/iresnet'
import type * as PreprocessModule from '@facekit/preprocess'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { Interruption } from '../src/interruption.js'
import { main } from '../src/main.js'
import { drawAlbum } from './album.js'
import { writeWeights } from './made-weights.js'
import { temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const weights = inFolder('weights.pth')
beforeAll(async () => {
  drawAlbum(album, 1, 8)
  await writeWeights(weights)
})

/** What takes long, as it begins. */
type Step = 'a tensor' | 'a list' | 'a batch'
const watched = vi.hoisted(() => ({ begins: undefined as ((step: Step) => void) | undefined, open: 0 }))

vi.mock('@facekit/iresnet', async (load) => {
  const actual = await load<typeof IresnetModule>()
  const openStateDict: typeof actual.openStateDict = async (path) => {
    const stateDict = await actual.openStateDict(path)
    const tensors = [...stateDict.tensors].map(([name, tensor]) => {
      const read = async () => {
        watched.begins?.('a tensor')
        return tensor.read()
      }
      return [name, { dtype: tensor.dtype, shape: tensor.shape, read }] as const
    })
    return { ...stateDict, tensors: new Map(tensors) }
  }
  return { ...actual, openStateDict }
})

vi.mock('@facekit/preprocess', async (load) => {
  const actual = await load<typeof PreprocessModule>()
  const imageList: typeof actual.imageList = (...args) => {
    watched.begins?.('a list')
    return actual.imageList(...args)
  }
  return { ...actual, imageList }
})

vi.mock('@facekit/embedder', async (load) => {
  const actual = await load<typeof EmbedderModule>()
  const openEmbedder: typeof actual.openEmbedder = async (options) => {
    const embedder = await actual.openEmbedder(options)
    watched.open++
    return {
      ...embedder,
      run: async (pixels, rows) => {
        watched.begins?.('a batch')
        return embedder.run(pixels, rows)
      },
      close: async () => {
        watched.open--
        return embedder.close()
      },
    }
  }
  return { ...actual, openEmbedder }
})

/** Runs the program, stopped as that step begins for that time. */
async function stoppedAt(args: string[], step: Step, time: number) {
  const controller = new AbortController()
  let times = 0
  watched.begins = (begun) => {
    if (begun === step && ++times === time) controller.abort(new Interruption('SIGINT'))
  }
  const streams = { stdin: Readable.from([]), stdout: new PassThrough().resume(), stderr: new PassThrough() }
  const said = text(streams.stderr)
  const status = await main(args, { signal: controller.signal, streams })
  streams.stderr.end()
  return { status, stderr: await said, times }
}

const convert = (folder: string) => ['convert', weights, inFolder(folder, 'model.onnx')]
const extract = (folder: string) => [
  'extract',
  '--input',
  album,
  '--weights',
  weights,
  '--no-cache',
  '--output',
  inFolder(folder),
]
const toFp16 = ['--precision', 'fp16']
const toInt8 = ['--precision', 'int8', '--calibration', album]

describe('what is stopped ends at once, and leaves nothing', () => {
  it.each([
    ['convert, at a tensor', convert, toInt8, 'a tensor', [1, 50]],
    ['convert, where its pictures are read', convert, toInt8, 'a list', [1]],
    ['convert to fp16, where it is tried out', convert, toFp16, 'a batch', [1, 2, 3]],
    ['convert to int8, where it is calibrated and compared', convert, toInt8, 'a batch', [1, 2, 3, 4]],
    ['extract, at a tensor', extract, [], 'a tensor', [1, 50]],
    ['extract in fp16, where it is compared, and after', extract, toFp16, 'a batch', [1, 4, 5]],
    ['extract in int8, where it is compared and timed', extract, toInt8, 'a batch', [1, 4, 5, 9]],
  ] as const)('%s', async (_what, command, more, step, times) => {
    for (const time of times) {
      const stopped = await stoppedAt([...command('stopped'), ...more], step, time)
      expect(stopped.stderr).toContain('facekit: stopped by SIGINT')
      expect(stopped.status).toBe(130)
      // Each session has begun no more than one.
      expect(stopped.times).toBeLessThan(time + availableParallelism())
      expect(watched.open).toBe(0)
      const folder = inFolder('stopped')
      expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
    }
  })
})
