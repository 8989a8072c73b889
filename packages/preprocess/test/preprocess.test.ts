import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { PathBatch } from '@facekit/core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeWithin } from '../src/decode-image.js'
import { preprocess } from '../src/index.js'
import { Limiter } from '../src/limiter.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-preprocess-'))
const OPTIONS = { width: 8, height: 8, workers: 3 }

/** Picture `i` is filled with the grey of its number; the larger, the slower to decode. */
const pathOf = (i: number) => join(folder, `${i}.png`)
beforeAll(async () => {
  for (let i = 0; i < 40; i++) {
    const side = i % 4 === 0 ? 400 : 8
    const background = { r: i, g: i, b: i }
    await sharp({ create: { width: side, height: side, channels: 3, background } })
      .png()
      .toFile(pathOf(i))
  }
  writeFileSync(join(folder, 'text.png'), 'no picture')
})
afterAll(() => rmSync(folder, { recursive: true }))

function batches(paths: readonly string[], size: number): PathBatch[] {
  return Array.from({ length: Math.ceil(paths.length / size) }, (_, b) => {
    const some = paths.slice(b * size, (b + 1) * size)
    return { indices: Uint32Array.from(some, (_, i) => b * size + i), paths: some }
  })
}

describe('preprocess', () => {
  it('keeps the order of images that take different times', async () => {
    const paths = Array.from({ length: 40 }, (_, i) => pathOf(i))
    const out = await Readable.from(batches(paths, 7)).pipe(preprocess(OPTIONS)).toArray()
    expect(out.flatMap((batch) => [...batch.indices])).toEqual(paths.map((_, i) => i))
    expect(out.flatMap((batch) => batch.paths)).toEqual(paths)
    for (const { indices, pixels, width, height } of out) {
      expect([width, height, pixels.length]).toEqual([8, 8, indices.length * 8 * 8 * 3])
      indices.forEach((index, row) => expect(pixels[row * 8 * 8 * 3]).toBe(index))
    }
  })

  it('lists what fails and goes on', async () => {
    const paths = [
      pathOf(1),
      join(folder, 'missing.png'),
      pathOf(2),
      join(folder, 'text.png'),
      folder,
      pathOf(3),
    ]
    const [batch] = await Readable.from(batches(paths, 10)).pipe(preprocess(OPTIONS)).toArray()
    expect([...batch!.indices]).toEqual([0, 2, 5])
    expect(batch!.paths).toEqual([pathOf(1), pathOf(2), pathOf(3)])
    expect([0, 1, 2].map((row) => batch!.pixels[row * 192])).toEqual([1, 2, 3])
    expect(batch!.failed.map(({ index, path }) => [index, path])).toEqual([
      [1, paths[1]],
      [3, paths[3]],
      [4, paths[4]],
    ])
    for (const { reason } of batch!.failed) expect(reason).toMatch(/^[^\n]{5,}$/)
  })

  it('passes a batch on of which all fail', async () => {
    const out = await Readable.from(batches(['/no', '/where'], 2))
      .pipe(preprocess(OPTIONS))
      .toArray()
    expect(out).toHaveLength(1)
    expect([out[0]!.indices.length, out[0]!.pixels.length, out[0]!.failed.length]).toEqual([0, 0, 2])
  })

  it('reads no further ahead of a slow consumer than its bound', async () => {
    let read = 0
    let passed = 0
    let ahead = 0
    const source = Readable.from(
      (function* () {
        for (const batch of batches(Array<string>(60).fill(pathOf(1)), 2)) {
          read++
          yield batch
        }
      })(),
      { highWaterMark: 1 },
    )
    const slow = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(_batch, _encoding, callback) {
        ahead = Math.max(ahead, read - passed)
        setTimeout(() => {
          passed++
          callback()
        }, 10)
      },
    })
    await pipeline(source, preprocess(OPTIONS), slow)
    expect(passed).toBe(30)
    // 2 in flight, 1 at each end of the stage, 2 at the sink, 2 at the source.
    expect(ahead).toBeLessThanOrEqual(8)
  })

  it('closes its source when the consumer fails', async () => {
    const source = Readable.from(batches(Array<string>(60).fill(pathOf(1)), 2))
    const failing = new Writable({
      objectMode: true,
      write: (_batch, _encoding, callback) => callback(new Error('disk full')),
    })
    await expect(pipeline(source, preprocess(OPTIONS), failing)).rejects.toThrow('disk full')
    expect(source.destroyed).toBe(true)
  })

  it('does not begin what waits for memory when it is stopped', async () => {
    const memory = new Limiter(1)
    let release = (): void => {}
    const held = memory.run(1, () => new Promise<void>((resolve) => (release = resolve)))
    const stop = new AbortController()
    const waiting = decodeWithin(memory, pathOf(1), OPTIONS, stop.signal)
    stop.abort()
    release()
    await held
    await expect(waiting).rejects.toThrow(/aborted/)
  })

  it('checks its options', () => {
    expect(() => preprocess({ ...OPTIONS, workers: 0 })).toThrow('Expected positive integer for workers')
    expect(() => preprocess({ ...OPTIONS, width: 1.5 })).toThrow('width')
    expect(() => preprocess({ ...OPTIONS, maxPixels: -1 })).toThrow('maxPixels')
    expect(() => preprocess({ ...OPTIONS, decodeMemoryBytes: 0 })).toThrow('decodeMemoryBytes')
  })
})
