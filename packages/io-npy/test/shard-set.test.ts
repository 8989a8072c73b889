import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PendingFiles, type EmbeddingBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { isShardSetMark, NpyWriter, ShardSet, type ShardSetMark, type ShardSetOptions } from '../src/index.js'
import { embeddingBatch, listFolder, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()
let folders = 0
const newFolder = () => inFolder(`set-${folders++}`)

/** Batches of up to 9 rows. */
function randomBatches(random: () => number): EmbeddingBatch[] {
  let start = 0
  return Array.from({ length: 2 + Math.floor(random() * 12) }, () => {
    const rows = Math.floor(random() * 10)
    start += rows
    return embeddingBatch(start - rows, start, 3, false)
  })
}

async function filesOf(folder: string): Promise<Record<string, string>> {
  const names = (await listFolder(folder)).filter((name) => !name.startsWith('.'))
  const files = names.map(async (name) => [name, await readFile(join(folder, name), 'base64')] as const)
  return Object.fromEntries(await Promise.all(files))
}

describe('ShardSet', () => {
  it('gives the same files whatever was lost since a mark, and however often', async () => {
    const random = seededRandom(2)
    for (let round = 0; round < rounds(15, 150); round++) {
      const batches = randomBatches(random)
      const options: ShardSetOptions = {
        dim: 3,
        normalized: false,
        merge: random() < 0.7,
        splitThreshold: 1 + Math.floor(random() * 25),
      }
      const [whole, resumed] = [newFolder(), newFolder()]
      const once = await PendingFiles.in(whole, 'embeddings')
      const set = new ShardSet(once, options)
      for (const batch of batches) await set.append(batch)
      const names = await set.finish()
      await once.commit()

      let pending = await PendingFiles.in(resumed, 'embeddings')
      let checkpoints = pending.checkpoints({})
      let open = new ShardSet(pending, options)
      let marked = 0
      for (let at = 0; at < batches.length;) {
        await open.append(batches[at++]!)
        if (random() < 0.4) {
          await checkpoints.record(async () => open.mark())
          marked = at
          if (random() < 0.5) await open.forgetOlderMarks()
        }
        if (!checkpoints.hasRecord || random() < 0.7) continue
        // Also where it was finished and named meanwhile.
        if (random() < 0.3) await open.finish()
        await open.close()
        await pending.discard()
        pending = await PendingFiles.in(resumed, 'embeddings', { resume: true })
        checkpoints = pending.checkpoints({})
        const mark = checkpoints.resumed as ShardSetMark
        expect(isShardSetMark(mark)).toBe(true)
        open = await ShardSet.reopen(pending, options, mark)
        await pending.removeAllBut(new Set(open.names()))
        at = marked
        expect(open.rows).toBe(batches.slice(0, at).reduce((sum, { paths }) => sum + paths.length, 0))
      }
      expect(await open.finish()).toEqual(names)
      await pending.commit()
      expect(await filesOf(resumed)).toEqual(await filesOf(whole))
    }
  })

  it('keeps no spool of a shard that is finished', async () => {
    const pending = await PendingFiles.in(newFolder(), 'embeddings')
    const set = new ShardSet(pending, { splitThreshold: 2 })
    await set.append(embeddingBatch(0, 9, 3, false))
    await set.forgetOlderMarks()
    expect((await readdir(pending.folder)).filter((name) => name.endsWith('spool'))).toHaveLength(1)
    await set.close()
    await pending.discard()
  })

  it('tries again what could not be marked', async () => {
    const pending = await PendingFiles.in(newFolder(), 'embeddings')
    const set = new ShardSet(pending, { splitThreshold: 2 })
    await set.append(embeddingBatch(0, 2, 3, false))
    await set.mark()
    await set.append(embeddingBatch(2, 7, 3, false))
    const gone = pending.scratchPath('shard-2-embs')
    const bytes = await readFile(gone)
    await rm(gone)
    await expect(set.mark()).rejects.toThrow('ENOENT')
    await writeFile(gone, bytes)
    const mark = await set.mark()
    await set.close()
    const again = await ShardSet.reopen(pending, { splitThreshold: 2, dim: 3 }, mark)
    expect(again.rows).toBe(7)
    await again.close()
    await pending.discard()
  })

  it.each(['shard-0-embs', 'shard-0-fpaths', 'shard-1-indices', 'shard-1-spool', 'shards.ndjson'])(
    'is not gone on with where %s is cut',
    async (name) => {
      const pending = await PendingFiles.in(newFolder(), 'embeddings')
      const options = { splitThreshold: 3, dim: 3 }
      const set = new ShardSet(pending, options)
      await set.append(embeddingBatch(0, 5, 3, false))
      const mark = await set.mark()
      await set.close()
      await truncate(pending.scratchPath(name), 10)
      await expect(ShardSet.reopen(pending, options, mark)).rejects.toMatchObject({
        code: 'RUN_DAMAGED',
        message: expect.stringContaining(`scratch-${name}`) as string,
      })
      await pending.discard()
    },
  )
})

it('NpyWriter goes on with rows of its own width only', async () => {
  const file = inFolder('rows.npy')
  const writer = await NpyWriter.create(file, { descr: '<f4', rowShape: [3] })
  await writer.append(new Float32Array(6))
  const mark = await writer.mark()
  await writer.finish()
  const reopened = await NpyWriter.reopen(file, { descr: '<f4', rowShape: [3] }, mark)
  expect(reopened.rows).toBe(2)
  await reopened.close()
  await expect(NpyWriter.reopen(file, { descr: '<f4', rowShape: [5] }, mark)).rejects.toMatchObject({
    code: 'RUN_DAMAGED',
  })
})

it('isShardSetMark takes marks, and nothing else', () => {
  const log = { bytes: 0, sha256: '' }
  expect(isShardSetMark({ log })).toBe(true)
  const others = [
    undefined,
    3,
    {},
    { log: 3 },
    { log, open: {} },
    { log, open: { embs: log, indices: log, paths: log } },
  ]
  for (const other of others) expect(isShardSetMark(other)).toBe(false)
})
