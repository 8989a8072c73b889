import { readdir, writeFile } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PathBatch } from '@facekit/core'
import { describe, expect, it } from 'vitest'
import { LabelError, writeLabels, type LabelOptions } from '../src/index.js'
import {
  closing,
  clusteringOf,
  decodeGrey,
  jsonArrays,
  labelOptions,
  pathsFor,
  pathSource,
  temporaryFolder,
  write,
} from './fixtures.js'

const ROWS = 40
const clustering = clusteringOf(Array.from({ length: ROWS }, (_, row) => row % 4))
const previews = { groups: 4, decode: decodeGrey }

/** Nothing is there, nor does anything come later. */
async function expectEmpty(folder: string): Promise<void> {
  expect(await readdir(folder)).toEqual([])
  await sleep(30)
  expect(await readdir(folder)).toEqual([])
}

/** A source that fails after half of its paths, the `pass`-th time it is read. */
function failingPaths(pass: number): LabelOptions['paths'] {
  let passes = 0
  return async function* () {
    passes++
    let rows = 0
    for await (const batch of pathSource(pathsFor(clustering))()) {
      if (passes === pass && rows > ROWS / 2) throw new Error('disk gone')
      rows += batch.paths.length
      yield batch
    }
  }
}

describe('a failure leaves nothing behind:', () => {
  it.each<[string, Partial<LabelOptions>]>([
    [
      'writeStrings rejects',
      { arrays: { ...jsonArrays, writeStrings: () => Promise.reject(new Error('disk gone')) } },
    ],
    [
      'writeRecords rejects',
      { arrays: { ...jsonArrays, writeRecords: () => Promise.reject(new Error('disk gone')) } },
    ],
    [
      'writeRecords rejects when it has written some',
      {
        arrays: {
          ...jsonArrays,
          async writeRecords(file, _count, records) {
            for await (const batch of records) {
              await writeFile(file, JSON.stringify(batch))
              throw new Error('disk gone')
            }
          },
        },
      },
    ],
    ['paths fail half-way through the data list', { paths: failingPaths(1) }],
    ['paths fail half-way through the assignments', { paths: failingPaths(2) }],
    ['paths fail half-way through the previews', { paths: failingPaths(3) }],
  ])('%s', async (_case, options) => {
    const output = await temporaryFolder()
    await expect(write(output, clustering, { previews, ...options })).rejects.toThrow('disk gone')
    await expectEmpty(output)
  })

  it.each([
    ['too few rows', ROWS - 1, `${ROWS - 1}`],
    ['no rows', 0, '0'],
    ['too many rows', ROWS + 1, 'more'],
  ])('paths of %s', async (_case, rows, got) => {
    const output = await temporaryFolder()
    const paths = pathSource(Array.from({ length: rows }, (_, row) => `${row}.png`))
    const error = await write(output, clustering, { previews, paths }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LabelError)
    expect(error).toMatchObject({
      code: 'LABEL_ROWS',
      message: `Expected paths of ${ROWS} images, one per row of the clustering, but got ${got}`,
    })
    await expectEmpty(output)
  })

  it('closes paths when the arrays fail', async () => {
    let closed = false
    const paths = async function* (): AsyncGenerator<PathBatch> {
      try {
        yield* pathSource(pathsFor(clustering))()
      } finally {
        closed = true
      }
    }
    const arrays: LabelOptions['arrays'] = {
      ...jsonArrays,
      async writeRecords(_file, _count, records) {
        for await (const _batch of records) throw new Error('disk gone')
      },
    }
    const output = await temporaryFolder()
    await expect(write(output, clustering, { paths, arrays })).rejects.toThrow('disk gone')
    expect(closed).toBe(true)
  })
})

/** Calls `reached` at the `nth` step of writing, and goes on a little later. */
function gate(nth: number) {
  let steps = 0
  let reached = () => {}
  const atStep = new Promise<void>((resolve) => (reached = resolve))
  const step = async () => {
    if (++steps !== nth) return
    reached()
    await sleep(20)
  }
  return { atStep, step }
}

describe('destroy', () => {
  it.each([
    ['the class names', 1, 'strings'],
    ['the data list', 1, 'paths'],
    ['the assignments', 20, 'paths'],
    ['the choice of previews', 35, 'paths'],
    ['the first preview', 1, 'decode'],
    ['the last preview', ROWS, 'decode'],
  ] as const)('while writing %s leaves nothing behind', async (_case, nth, where) => {
    const output = await temporaryFolder()
    const { atStep, step } = gate(nth)
    const stage = writeLabels(
      labelOptions(output, clustering, {
        arrays: {
          ...jsonArrays,
          async writeStrings(file, values) {
            if (where === 'strings') await step()
            await jsonArrays.writeStrings(file, values)
          },
        },
        paths: async function* () {
          for await (const batch of pathSource(pathsFor(clustering))()) {
            if (where === 'paths') await step()
            yield batch
          }
        },
        previews: {
          groups: 4,
          decode: async () => {
            if (where === 'decode') await step()
            return decodeGrey()
          },
        },
      }),
    )
    const closed = closing(stage)
    stage.end(clustering)
    await atStep
    stage.destroy(new Error('interrupted'))
    expect((await closed)?.message).toBe('interrupted')
    await expectEmpty(output)
    expect(() => stage.result).toThrow('after the stream has finished')
  })

  it('before anything was written leaves nothing behind', async () => {
    const output = await temporaryFolder()
    const stage = writeLabels(labelOptions(output, clustering))
    const closed = closing(stage)
    stage.destroy()
    expect(await closed).toBeUndefined()
    await expectEmpty(output)
  })
})

it('an end without a clustering leaves the labels that are there', async () => {
  const output = await temporaryFolder()
  await write(output, clustering, { previews })
  const before = await readdir(output)
  const stage = writeLabels(labelOptions(output, clustering))
  stage.end()
  await expect(finished(stage)).rejects.toThrow('Expected a clustering to write labels of')
  expect(await readdir(output)).toEqual(before)
})

it('shows nothing under its final name until all is written', async () => {
  const output = await temporaryFolder()
  const seen: string[] = []
  await write(output, clustering, {
    previews: {
      groups: 4,
      decode: async () => {
        seen.push(...(await readdir(output)))
        return decodeGrey()
      },
    },
  })
  expect(seen.length).toBeGreaterThan(0)
  expect(seen.filter((name) => !name.startsWith('.facekit-'))).toEqual([])
  expect((await readdir(output)).filter((name) => name.startsWith('.facekit-'))).toEqual([])
})
