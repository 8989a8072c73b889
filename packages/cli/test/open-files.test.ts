import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/index.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { shell, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const SHARDS = 200
/** Of an embedding: so many rows that threads search them. */
const ROWS = 20_000
const DIM = 32
const people = inFolder('people')

beforeAll(async () => {
  const sharder = shardEmbeddings({ output: people, splitThreshold: ROWS / SHARDS })
  await pipeline(Readable.from(new People(ROWS, DIM).batches()), sharder)
}, 60_000)

/** Runs the program, or another script, where no more than 128 files may be open. */
const limited = async (script: string, ...args: string[]) => shell(`ulimit -n 128; ${script}`, ...args)

describe('with few open files allowed', () => {
  it('cluster reads many shards in threads', async () => {
    const args = ['cluster', '--input', people, '--output', inFolder('labels'), '--threads', '2', '--json']
    const { status, stdout, stderr } = await limited('"$@"', ...args, '--save_groups', '0')
    expect(status, stderr).toBe(0)
    expect((JSON.parse(stdout) as ClusterSummary).images).toBe(ROWS)
  }, 120_000)

  it('the search alone reads many files in threads', async () => {
    const script = `
      import { openFileSet, readEmbeddings, rowFilesOf } from '@facekit/io-npy'
      import { Gallery, gatherGallery, searchNeighbors } from '@facekit/index-faiss'
      import { pipeline } from 'node:stream/promises'
      const set = await openFileSet(${JSON.stringify(people)})
      const gallery = new Gallery(set.rows, set.dim, { rowFiles: rowFilesOf(set) })
      await pipeline(readEmbeddings(set), gatherGallery(gallery))
      let edges = 0
      for await (const { source } of searchNeighbors(gallery, { threshold: 0.7, topK: 10, threads: 2 }))
        edges += source.length
      console.log(edges > 0)`
    const { status, stdout, stderr } = await limited('"$1" --input-type=module --eval "$3"', script)
    expect([status, stdout], stderr).toEqual([0, 'true\n'])
  }, 120_000)

  it('extract writes many shards', async () => {
    const [album, model, output] = [inFolder('album'), inFolder('blocks.onnx'), inFolder('embs')]
    drawAlbum(album, 20, 10)
    writeBlockModel(model)
    const args = ['extract', '--input', album, '--weights', model, '--output', output]
    const { status, stderr } = await limited('"$@"', ...args, '--no-merge-embs', '--batch-size', '1')
    expect(status, stderr).toBe(0)
    expect(readdirSync(output).filter((name) => name.startsWith('embs_'))).toHaveLength(200)
  }, 60_000)
})
