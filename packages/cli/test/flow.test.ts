import { Readable, Writable } from 'node:stream'
import { mapBatches, type EmbeddingBatch, type ImageBatch } from '@facekit/core'
import { embed, openEmbedder } from '@facekit/embedder'
import { imageList, preprocess } from '@facekit/preprocess'
import { describe, expect, it } from 'vitest'
import { flow, tap } from '../src/flow.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { temporaryFolder } from './program.js'

const inFolder = temporaryFolder()

function numbers(count: number): Readable {
  return Readable.from(
    (function* () {
      for (let i = 0; i < count; i++) yield i
    })(),
    { highWaterMark: 1 },
  )
}

/** Takes each item in `delayMs`; `onItem` may throw. */
function sink<T>(delayMs: number, onItem: (item: T) => void): Writable {
  return new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(item: T, _encoding, callback) {
      setTimeout(() => {
        try {
          onItem(item)
          callback()
        } catch (error) {
          callback(error as Error)
        }
      }, delayMs)
    },
  })
}

describe('flow', () => {
  it('with a slow writer holds the images that are decoded and not yet embedded under its bound', async () => {
    drawAlbum(inFolder('album'), 30, 8)
    writeBlockModel(inFolder('blocks.onnx'))
    const embedder = await openEmbedder({ model: inFolder('blocks.onnx'), threads: 1 })
    const batchSize = 4
    // Two batches in the making and one at each end of `preprocess`, two at the session, one before it and two in the
    // hands of highland.
    const bound = 9 * batchSize
    let decoded = 0
    let embedded = 0
    let written = 0
    let mostDecoded = 0
    let mostEmbedded = 0
    await flow(
      imageList(inFolder('album'), { batchSize }),
      [
        preprocess({ width: 112, height: 112, workers: 2 }),
        tap((batch: ImageBatch) => {
          decoded += batch.indices.length
          mostDecoded = Math.max(mostDecoded, decoded - embedded)
        }),
        embed(embedder),
        tap((batch: EmbeddingBatch) => {
          embedded += batch.indices.length
          mostEmbedded = Math.max(mostEmbedded, embedded - written)
        }),
      ],
      sink<EmbeddingBatch>(15, (batch) => (written += batch.indices.length)),
    )
    await embedder.close()
    expect(written).toBe(240)
    expect(mostDecoded).toBeLessThanOrEqual(bound)
    expect(mostEmbedded).toBeLessThanOrEqual(bound)
  })

  it('waits for a tap', async () => {
    let tapping = 0
    let most = 0
    const seen: number[] = []
    await flow(
      numbers(10),
      [
        tap(async (_number: number) => {
          most = Math.max(most, ++tapping)
          await new Promise((resolve) => setTimeout(resolve, 2))
          tapping--
        }),
      ],
      sink<number>(0, (item) => seen.push(item)),
    )
    expect(most).toBe(1)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it.each(['source', 'stage', 'tap', 'sink', 'signal'])(
    'ends with the error of its %s when all is closed',
    async (at) => {
      const stop = new AbortController()
      const failAt = (where: string) => (item: number) => {
        if (item !== 20) return
        if (where === at) throw new Error(`no ${at}`)
        if (at === 'signal') stop.abort(new Error('no signal'))
      }
      const closed: string[] = []
      const source = Readable.from(
        (async function* () {
          for (let i = 0; i < 1000; i++) {
            failAt('source')(i)
            yield i
          }
        })(),
      )
      const stage = mapBatches({
        concurrency: 2,
        map: async (item: number) => {
          failAt('stage')(item)
          return item
        },
        close: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          closed.push('stage')
        },
      })
      const end = sink(0, failAt('sink'))
      await expect(flow(source, [stage, tap(failAt('tap'))], end, stop.signal)).rejects.toThrow(`no ${at}`)
      expect(closed).toEqual(['stage'])
      expect([source.destroyed, stage.destroyed, end.destroyed]).toEqual([true, true, true])
    },
  )
})
