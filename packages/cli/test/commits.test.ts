import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { KILL_AT, rounds } from '@facekit/testing'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { Interruption } from '../src/interruption.js'
import { cluster, type ClusterOptions } from '../src/cluster/run.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { builtFacekit, contents, facekit, start, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
/** The same pictures in two orders: sets of equal counts, which nobody could tell from a mixture. */
const [forward, backward] = [inFolder('forward.txt'), inFolder('backward.txt')]

beforeAll(() => {
  drawAlbum(album, 4, 5)
  writeBlockModel(model)
  const paths = readdirSync(album, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bmp'))
    .map((name) => join(album, name))
  writeFileSync(forward, paths.join('\n'))
  writeFileSync(backward, paths.toReversed().join('\n'))
})

const extractArgs = (input: string, output: string) => [
  'extract',
  '--input',
  input,
  '--weights',
  model,
  '--output',
  output,
]
const clusterArgs = (input: string, output: string, ...flags: string[]) => [
  'cluster',
  '--input',
  input,
  '--output',
  output,
  ...flags,
]

/** Hashes of all files, hidden ones left out but for the record. */
const visible = (folder: string) =>
  Object.fromEntries(
    [...contents(folder)].flatMap(([name, bytes]) =>
      name.startsWith('.facekit-') ? [] : [[name, createHash('sha256').update(bytes).digest('hex')]],
    ),
  )

describe('killed at any step of its commit over an older output', () => {
  /** In `npm test` some steps, in a long run all. */
  const STRIDE = rounds(11, 1)

  async function killAtEachStep(
    older: string,
    args: (output: string) => string[],
    settle: (output: string) => Promise<void>,
  ) {
    const fresh = inFolder('fresh')
    cpSync(older, fresh, { recursive: true })
    expect((await builtFacekit(args(fresh))).status).toBe(0)
    const [before, after] = [visible(older), visible(fresh)]
    rmSync(fresh, { recursive: true })
    const ends = { before: 0, after: 0 }
    for (let step = 1; ; step += STRIDE) {
      const output = inFolder('killed')
      rmSync(output, { recursive: true, force: true })
      cpSync(older, output, { recursive: true })
      const env = { NODE_OPTIONS: `--import ${KILL_AT}`, FACEKIT_KILL_AT: String(step) }
      const { status } = await builtFacekit(args(output), { env })
      if (status === 0) break
      expect(status).toBe(null)
      await settle(output)
      const found = visible(output)
      expect([before, after], `step ${step}`).toContainEqual(found)
      if (JSON.stringify(found) === JSON.stringify(after)) ends.after++
      else ends.before++
    }
    expect(Math.min(ends.before, ends.after)).toBeGreaterThan(0)
  }

  it('extract leaves the older set or the newer one', async () => {
    const older = inFolder('older')
    await facekit(extractArgs(forward, older))
    await killAtEachStep(
      older,
      (output) => [...extractArgs(backward, output), '--overwrite'],
      // Whoever reads it next.
      async (output) => {
        const { status, stderr } = await facekit(
          clusterArgs(output, inFolder('read-labels'), '--save_groups', '0'),
        )
        expect(status, stderr).toBe(0)
      },
    )
  })

  it('cluster leaves the older labels or the newer ones', async () => {
    const embeddings = inFolder('embeddings')
    await facekit(extractArgs(forward, embeddings))
    const older = inFolder('older-labels')
    await facekit(clusterArgs(embeddings, older, '--save_groups', '2'))
    await killAtEachStep(
      older,
      (output) =>
        clusterArgs(
          embeddings,
          output,
          '--save_groups',
          '3',
          '--no-remove_duplicates',
          '--cluster_thresh',
          '0.99',
        ),
      // Whoever writes there next, also if that fails.
      async (output) => {
        expect((await facekit(['cluster', '--output', output])).status).toBe(3)
      },
    )
  })
})

it.each([
  ['extract', (output: string) => extractArgs(forward, output)],
  ['cluster', (output: string) => clusterArgs(inFolder('for-signals'), output)],
])('a signal that comes while %s moves its files does not stop that', async (name, args) => {
  await facekit(extractArgs(forward, inFolder('for-signals')))
  const output = inFolder(`signalled-${name}`)
  const stop = new AbortController()
  const { rename } = fs
  vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
    if (String(to).startsWith(join(output, 'f')) || String(to).startsWith(join(output, 'a')))
      stop.abort(new Interruption('SIGTERM'))
    return rename(from, to)
  })
  syncBuiltinESMExports()
  const { status, stderr } = await facekit(args(output), undefined, stop.signal).finally(() => {
    vi.restoreAllMocks()
    syncBuiltinESMExports()
  })
  expect(stop.signal.aborted).toBe(true)
  expect(status, stderr).toBe(0)
  expect(readdirSync(output)).toEqual(
    expect.arrayContaining(['.facekit.json', name === 'extract' ? 'final_embs.npy' : 'assignments.parquet']),
  )
  expect(readdirSync(output)).not.toContain('.facekit-run')
})

describe('a folder with a run in it', () => {
  it.each([
    ['extract', (output: string) => ['extract', '--input', '-', '--weights', model, '--output', output]],
    ['cluster', (output: string) => ['cluster', '--output', output]],
  ])('is refused to a second one, with the number of the first: %s', async (name, args) => {
    const output = inFolder(`busy-${name}`)
    const first = start(...args(output))
    while (!existsSync(join(output, '.facekit-run', 'owner-1.json')))
      await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const second of [extractArgs(forward, output), ['cluster', '--output', output]]) {
      const { status, stderr } = await facekit(second)
      expect(stderr).toContain(`process ${first.pid} on`)
      expect(stderr).toContain('[OUTPUT_BUSY]')
      expect(status).toBe(3)
    }
    first.kill('SIGKILL')
    await new Promise((resolve) => first.once('exit', resolve))
    const { status, stderr } = await facekit(extractArgs(forward, output))
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`Removed what a killed run left in ${output}`)
  })
})

describe('only what facekit made is removed', () => {
  it('extract keeps files that have the names of its own, and stops at once', async () => {
    const output = inFolder('strangers')
    mkdirSync(output)
    for (const name of ['embs_0.npy', 'embs_1.npy', 'fpaths_0.npy']) writeFileSync(join(output, name), 'mine')
    const before = contents(output)
    const { status, stderr } = await facekit(extractArgs(forward, output))
    expect(stderr).toMatch(
      /embs_0\.npy but what stands there is a file that facekit did not make.*\[OUTPUT_EXISTS\]/,
    )
    expect(status).toBe(3)
    expect(contents(output)).toEqual(before)
  })

  it('previews inside the input do not become input', async () => {
    const crops = inFolder('crops')
    cpSync(album, crops, { recursive: true })
    const [labels, embeddings] = [join(crops, 'labels'), inFolder('crops-embeddings')]
    await facekit(extractArgs(crops, embeddings))
    await facekit(clusterArgs(embeddings, labels))
    expect(readdirSync(labels)).toContain('group_0000')

    const again = await facekit([...extractArgs(crops, embeddings), '--overwrite', '--json'])
    expect(again.stderr).toContain(`Left out the previews of a clustering in ${labels}`)
    expect(JSON.parse(again.stdout)).toMatchObject({ images: 20, embedded: 20 })
  })
})

it('labels are never made of the embeddings of one set and the paths of another', async () => {
  const [input, other] = [inFolder('changing'), inFolder('other')]
  await facekit(extractArgs(forward, input))
  await facekit(extractArgs(backward, other))
  const output = inFolder('changing-labels')
  const options: ClusterOptions = {
    input,
    output,
    removeDuplicates: true,
    duplicateThresh: 0.9,
    clusterThresh: 0.7,
    topK: 100,
    memoryLimit: 2 ** 30,
    threads: 2,
    engine: 'auto',
    device: { provider: 'cpu' },
    keepEdges: true,
    saveGroups: 0,
  }
  // When the embeddings have been read and the paths have not.
  const swap = (line: string) => {
    if (!line.startsWith('Screening') && !line.startsWith('Searching')) return
    for (const name of ['final_embs.npy', 'final_fpaths.npy', 'final_indices.npy'])
      renameSync(join(other, name), join(input, name))
  }
  const talk = { info: swap, warn: swap, progress: () => {} }
  await expect(cluster(options, talk)).rejects.toMatchObject({ code: 'FILE_SET_CHANGED' })
  expect(existsSync(output)).toBe(false)
  expect(readFileSync(backward, 'utf8')).not.toBe(readFileSync(forward, 'utf8'))
})
