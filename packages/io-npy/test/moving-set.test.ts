import { finished } from 'node:stream/promises'
import { expect, it, vi } from 'vitest'
import { openFileSet, shardEmbeddings } from '../src/index.js'
import { embeddingBatch, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()

/** What a run does while the names in a folder are listed, and how many of them are seen. */
let meanwhile: (() => Promise<number>) | undefined

vi.mock('../src/file-names.js', async (original) => {
  const names = await original<typeof import('../src/file-names.js')>()
  return {
    ...names,
    async listMembers(folder: string) {
      const run = meanwhile
      meanwhile = undefined
      const seen = await run?.()
      return (await names.listMembers(folder)).filter(({ number }) => seen === undefined || number! < seen)
    },
  }
})

async function writeShards(output: string, rows: number): Promise<void> {
  const sharder = shardEmbeddings({ output, splitThreshold: 10, merge: false })
  sharder.end(embeddingBatch(0, rows, 4))
  await finished(sharder)
}

it('a set that is moved there while it is opened is opened whole: its first shards do not pass for all', async () => {
  const folder = inFolder('moving')
  for (const rowsBefore of [10, 50]) {
    await writeShards(folder, rowsBefore)
    meanwhile = async () => {
      await writeShards(folder, 30)
      return 1
    }
    expect(await openFileSet(folder)).toMatchObject({ rows: 30 })
  }
})
