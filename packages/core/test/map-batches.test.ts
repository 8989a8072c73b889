import { setTimeout as sleep } from 'node:timers/promises'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { mapBatches, OptionError } from '../src/index.js'

function countTo(n: number, onRead: (i: number) => void = () => {}): Readable {
  return Readable.from(
    (function* () {
      for (let i = 0; i < n; i++) {
        onRead(i)
        yield i
      }
    })(),
    { highWaterMark: 1 },
  )
}

function collect<T>(into: T[], delayMs = 0): Writable {
  return new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(item: T, _encoding, callback) {
      into.push(item)
      setTimeout(callback, delayMs)
    },
  })
}

describe('mapBatches', () => {
  it('keeps the order whatever finishes first', async () => {
    const out: number[] = []
    const stage = mapBatches({
      concurrency: 4,
      map: async (i: number) => {
        await sleep((7 - (i % 8)) * 2)
        return i * 10
      },
    })
    await pipeline(countTo(20), stage, collect(out))
    expect(out).toEqual(Array.from({ length: 20 }, (_, i) => i * 10))
  })

  it('never has more batches in its hands than its concurrency, and stops the source when the sink is slow', async () => {
    let read = 0
    let mapped = 0
    let written = 0
    let mostRead = 0
    let mostMapped = 0
    const stage = mapBatches({
      concurrency: 3,
      map: async (i: number) => {
        mapped++
        mostMapped = Math.max(mostMapped, mapped - written)
        return i
      },
    })
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(_item, _encoding, callback) {
        mostRead = Math.max(mostRead, read - written)
        setTimeout(() => {
          written++
          callback()
        }, 2)
      },
    })
    await pipeline(
      countTo(60, () => read++),
      stage,
      sink,
    )
    expect(written).toBe(60)
    // Held by the stage (3), at its readable end (1), in the hands of the sink and waiting there (2).
    expect(mostMapped).toBeLessThanOrEqual(6)
    // ... and at its writable end (1), in the source's buffer (1) and its generator (1).
    expect(mostRead).toBeLessThanOrEqual(9)
  })

  it('delivers a result without waiting for the next batch', async () => {
    const stage = mapBatches({ concurrency: 4, map: async (i: number) => i })
    stage.write(7)
    const [first] = await stage.take(1).toArray()
    expect(first).toBe(7)
  })

  it('closes the source and itself when a batch fails', async () => {
    let closed = 0
    const source = countTo(1000)
    const stage = mapBatches({
      concurrency: 2,
      map: async (i: number) => {
        if (i === 5) throw new Error('batch 5')
        return i
      },
      close: async () => {
        closed++
      },
    })
    const out: number[] = []
    await expect(pipeline(source, stage, collect(out))).rejects.toThrow('batch 5')
    expect(out).toEqual([0, 1, 2, 3, 4])
    expect(source.destroyed).toBe(true)
    expect(closed).toBe(1)
  })

  it('aborts the work in flight on early exit', async () => {
    let aborted = false
    const stage = mapBatches({
      concurrency: 1,
      map: async (_i: number, signal) => {
        await sleep(60_000, undefined, { signal }).catch(() => {
          aborted = true
        })
      },
    })
    stage.write(1)
    stage.destroy()
    await sleep(5)
    expect(aborted).toBe(true)
  })

  it('refuses a concurrency that is not a positive integer', () => {
    expect(() => mapBatches({ concurrency: 0, map: async (i: number) => i })).toThrow(OptionError)
  })
})
