import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { EmbeddingBatch, PathBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  checkUnchanged,
  NpyError,
  openFileSet,
  readEmbeddings,
  readPaths,
  rowFilesOf,
  writeStrings,
} from '../src/index.js'
import { isOpen, listFolder, temporaryFolder, writeArray } from './support.js'

const INPUTS = fileURLToPath(new URL('../../../../shared/fixtures/inputs/', import.meta.url))
const inFolder = temporaryFolder()
let folders = 0

/** A new folder; `rows` of dim 4 per shard, by name. */
async function folderWith(shapes: Record<string, readonly number[]>): Promise<string> {
  const folder = inFolder(`set-${folders++}`)
  await mkdir(folder)
  for (const [name, shape] of Object.entries(shapes)) await writePart(folder, name, shape)
  return folder
}

async function writePart(folder: string, name: string, shape: readonly number[]): Promise<void> {
  const file = join(folder, `${name}.npy`)
  const count = shape.reduce((product, length) => product * length, 1)
  if (name.includes('fpaths')) {
    await writeStrings(
      file,
      Array.from({ length: count }, (_, i) => `${name}/${i}`),
    )
  } else if (name.includes('indices')) {
    const data = BigInt64Array.from({ length: count }, (_, i) => BigInt(100 + i))
    await writeArray(file, { descr: '<i8', shape, data })
  } else {
    const data = Float32Array.from({ length: count }, (_, i) => i)
    await writeArray(file, { descr: '<f4', shape, data })
  }
}

/** Another file of the same bytes takes its place. */
async function replace(file: string): Promise<void> {
  await writeFile(`${file}.new`, await readFile(file))
  await rename(`${file}.new`, file)
}

describe('openFileSet', () => {
  it('finds a merged set', async () => {
    const folder = await folderWith({ final_fpaths: [3], final_indices: [3], final_embs: [3, 4] })
    expect(await openFileSet(folder)).toEqual({
      folder,
      rows: 3,
      dim: 4,
      normalized: false,
      shards: [
        {
          fpaths: join(folder, 'final_fpaths.npy'),
          embs: join(folder, 'final_embs.npy'),
          indices: join(folder, 'final_indices.npy'),
          rows: 3,
          rowFile: { path: join(folder, 'final_embs.npy'), offset: expect.any(Number), rows: 3 },
        },
      ],
      fingerprints: expect.any(Map),
    })
  })

  it.each<[string, (file: string) => Promise<void>, string]>([
    ['replaced by one of the same size', replace, 'replaced or written to'],
    ['written to', (file) => utimes(file, new Date(), new Date()), 'replaced or written to'],
    ['removed', rm, 'removed'],
  ])('knows afterwards that a file was %s meanwhile', async (_how, change, said) => {
    const folder = await folderWith({
      fpaths_0: [3],
      indices_0: [3],
      embs_0: [3, 4],
      fpaths_1: [1],
      indices_1: [1],
      embs_1: [1, 4],
    })
    for (const name of ['fpaths_0', 'indices_1', 'embs_1']) {
      const set = await openFileSet(folder)
      await checkUnchanged(set)
      const file = join(folder, `${name}.npy`)
      const bytes = await readFile(file)
      await change(file)
      await expect(checkUnchanged(set)).rejects.toMatchObject({
        code: 'FILE_SET_CHANGED',
        message: expect.stringContaining(`${file}: was ${said}`) as string,
      })
      await writeFile(file, bytes)
    }
  })

  it('of files with random bytes changed is a set of that many rows, or an error that names what is wrong', async () => {
    const random = seededRandom(6)
    const pick = (count: number) => Math.floor(random() * count)
    const folder = await folderWith({
      fpaths_0: [3],
      indices_0: [3],
      embs_0: [3, 4],
      fpaths_1: [1],
      indices_1: [1],
      embs_1: [1, 4],
    })
    const names = await listFolder(folder)
    const whole = new Map<string, Buffer>()
    for (const name of names) whole.set(name, await readFile(join(folder, name)))
    for (let round = 0; round < rounds(100, 4000); round++) {
      for (const [name, bytes] of whole) {
        const mutant = Buffer.from(bytes)
        if (random() < 0.4)
          for (let change = pick(4); change >= 0; change--) mutant[pick(mutant.length)] = pick(256)
        await writeFile(
          join(folder, name),
          random() < 0.05 ? mutant.subarray(0, pick(mutant.length)) : mutant,
        )
      }
      const read = async () => {
        const set = await openFileSet(folder)
        let rows = 0
        for await (const batch of readEmbeddings(set)) rows += batch.paths.length
        expect(rows).toBe(set.rows)
      }
      await read().catch((error: unknown) => expect(error, `round ${round}`).toBeInstanceOf(NpyError))
    }
  })

  it('is finished first where a killed run had begun to move it there', async () => {
    const folder = await folderWith({ final_fpaths: [3], final_indices: [3], final_embs: [3, 4] })
    const hidden = join(folder, '.facekit-run')
    await mkdir(hidden)
    await rename(join(folder, 'final_embs.npy'), join(hidden, 'final_embs.npy'))
    const journal = { kind: 'embeddings', earlier: {}, names: ['final_fpaths.npy', 'final_embs.npy'] }
    await writeFile(join(hidden, 'commit.json'), JSON.stringify(journal))
    expect(await openFileSet(folder)).toMatchObject({ rows: 3, dim: 4 })
    expect(await listFolder(folder)).toEqual(['final_embs.npy', 'final_fpaths.npy', 'final_indices.npy'])
  })

  it('tells where the rows stand in the files, if they can be read by position', async () => {
    const set = await openFileSet(
      await folderWith({ fpaths_0: [2], embs_0: [2, 3], fpaths_1: [1], embs_1: [1, 3] }),
    )
    const read = await Promise.all(
      rowFilesOf(set)!.map(async ({ path, offset, rows }) => {
        const bytes = (await readFile(path)).subarray(offset)
        return [...new Float32Array(Uint8Array.from(bytes).buffer)].slice(0, rows * 3)
      }),
    )
    const [batch, last] = await readEmbeddings(set).toArray()
    expect(read).toEqual([[...batch!.embeddings], [...last!.embeddings]])
    const shards = set.shards.map((shard, i) => (i === 0 ? { ...shard, rowFile: undefined } : shard))
    expect(rowFilesOf({ ...set, shards })).toBeUndefined()
  })

  it('pairs shards by number, in numeric order', async () => {
    const shapes: Record<string, number[]> = {}
    for (let i = 0; i < 12; i++) {
      shapes[`fpaths_${i}`] = [i + 1]
      shapes[`embs_norm_${i}`] = [i + 1, 4]
    }
    const folder = await folderWith(shapes)
    await writeFile(join(folder, 'notes.npy'), 'not ours')
    await writeFile(join(folder, 'embs_norm_1.npy.part'), 'not ours')
    const set = await openFileSet(folder)
    expect(set).toMatchObject({ rows: 78, dim: 4, normalized: true })
    expect(set.shards.map(({ rows }) => rows)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(set.shards[2]!.embs).toBe(join(folder, 'embs_norm_2.npy'))
  })

  it('follows links to files', async () => {
    const there = await folderWith({ final_fpaths: [3], final_embs: [3, 4] })
    const folder = await folderWith({})
    for (const name of await readdir(there)) await symlink(join(there, name), join(folder, name))
    expect((await openFileSet(folder)).rows).toBe(3)
  })

  it('takes one embedding without its batch axis, beside one path', async () => {
    const set = await openFileSet(
      await folderWith({ fpaths_0: [1], embs_0: [4], fpaths_1: [2], embs_1: [2, 4] }),
    )
    expect(set).toMatchObject({ rows: 3, dim: 4 })
    const batches = await readEmbeddings(set).toArray()
    expect(batches.map(({ embeddings }) => [...embeddings])).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ])
  })

  it.each<[string, Record<string, number[]>, number]>([
    ['as (0, dim)', { final_fpaths: [0], final_embs: [0, 512] }, 512],
    ['as (0, 0)', { final_fpaths: [0], final_embs: [0, 0] }, 0],
    ['as (0,)', { final_fpaths: [0], final_embs: [0] }, 0],
    ['in one shard of two', { fpaths_0: [0], embs_0: [0, 0], fpaths_1: [2], embs_1: [2, 4] }, 4],
  ])('takes zero rows %s', async (_how, shapes, dim) => {
    const set = await openFileSet(await folderWith(shapes))
    expect(set.dim).toBe(dim)
    const batches: EmbeddingBatch[] = await readEmbeddings(set).toArray()
    expect(batches.reduce((rows, { paths }) => rows + paths.length, 0)).toBe(set.rows)
  })

  it.each<[string, Record<string, number[]>, string, RegExp]>([
    [
      'nothing',
      {},
      'FILE_SET_EMPTY',
      /holds no embeddings; expected final_fpaths\.npy with .* or fpaths_\{i\}\.npy/,
    ],
    [
      'paths only',
      { final_fpaths: [3] },
      'FILE_SET_INCOMPLETE',
      /final_fpaths\.npy but not final_embs\.npy \(or embs_norm\)/,
    ],
    ['embeddings only', { embs_0: [3, 4] }, 'FILE_SET_INCOMPLETE', /embs_0\.npy but not fpaths_0\.npy/],
    [
      'shards of which one is missing',
      { fpaths_0: [3], embs_0: [3, 4], fpaths_1: [3], embs_1: [3, 4], fpaths_3: [3], embs_3: [3, 4] },
      'FILE_SET_INCOMPLETE',
      /holds shard 3 but no shard 2; .*bring fpaths_2\.npy/,
    ],
    [
      'shards of which the first is missing',
      { fpaths_1: [3], embs_1: [3, 4] },
      'FILE_SET_INCOMPLETE',
      /holds shard 1 but no shard 0/,
    ],
    [
      'a number of many digits that does not follow',
      { fpaths_0: [3], embs_0: [3, 4], fpaths_1700000000: [3], embs_1700000000: [3, 4] },
      'FILE_SET_INCOMPLETE',
      /holds shard 1700000000 but no shard 1/,
    ],
    [
      'a shard without embeddings',
      { fpaths_0: [3], embs_norm_0: [3, 4], fpaths_1: [3] },
      'FILE_SET_INCOMPLETE',
      /fpaths_1\.npy but not embs_norm_1\.npy/,
    ],
    [
      'indices of some shards',
      { fpaths_0: [3], embs_0: [3, 4], indices_0: [3], fpaths_1: [3], embs_1: [3, 4] },
      'FILE_SET_INCOMPLETE',
      /not indices_1\.npy/,
    ],
    [
      'fewer embeddings than paths',
      { final_fpaths: [3], final_embs: [2, 4] },
      'FILE_SET_MISMATCH',
      /final_embs\.npy: has 2 rows, but .*final_fpaths\.npy has 3/,
    ],
    [
      'fewer indices than paths',
      { final_fpaths: [3], final_embs: [3, 4], final_indices: [2] },
      'FILE_SET_MISMATCH',
      /final_indices\.npy: has 2 rows/,
    ],
    [
      'dims that differ',
      { fpaths_0: [3], embs_0: [3, 4], fpaths_1: [3], embs_1: [3, 5] },
      'FILE_SET_MISMATCH',
      /embs_1\.npy: has dim 5, but .*embs_0\.npy has dim 4/,
    ],
    [
      'both merged and numbered',
      { final_fpaths: [3], final_embs: [3, 4], fpaths_0: [3], embs_0: [3, 4] },
      'FILE_SET_AMBIGUOUS',
      /holds both final_.* and .*_0\.npy/,
    ],
    [
      'both spellings of embeddings',
      { final_fpaths: [3], final_embs: [3, 4], final_embs_norm: [3, 4] },
      'FILE_SET_AMBIGUOUS',
      /final_embs\.npy and final_embs_norm\.npy/,
    ],
    [
      'both spellings in two shards',
      { fpaths_0: [3], embs_0: [3, 4], fpaths_1: [3], embs_norm_1: [3, 4] },
      'FILE_SET_AMBIGUOUS',
      /embs_0\.npy and embs_norm_1\.npy/,
    ],
    [
      'one number twice',
      { fpaths_1: [3], embs_1: [3, 4], embs_01: [3, 4] },
      'FILE_SET_AMBIGUOUS',
      /embs_01\.npy/,
    ],
    [
      'one embedding beside many paths',
      { final_fpaths: [3], final_embs: [4] },
      'NPY_SHAPE',
      /final_embs\.npy: has shape \(4,\), expected \(3, dim\).*without its batch axis; fix: .*embs\[None, :\].*np\.vstack/,
    ],
    [
      'embeddings with three axes',
      { final_fpaths: [3], final_embs: [3, 1, 4] },
      'NPY_SHAPE',
      /reshape\(len\(embs\), -1\)/,
    ],
    [
      'indices with two axes',
      { final_fpaths: [3], final_embs: [3, 4], final_indices: [3, 1] },
      'NPY_SHAPE',
      /final_indices\.npy: has shape \(3, 1\), .*fix: .*reshape\(-1\)/,
    ],
  ])('refuses %s', async (_what, shapes, code, said) => {
    await expect(openFileSet(await folderWith(shapes))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(said),
    })
  })

  it.each([
    ['(3, 0)', [3, 0]],
    ['(0,)', [0]],
  ])('refuses embeddings of no numbers, of shape %s', async (_text, shape) => {
    const folder = await folderWith({ final_fpaths: [shape.length === 1 ? 1 : 3], final_embs: shape })
    await expect(openFileSet(folder)).rejects.toMatchObject({
      code: 'NPY_SHAPE',
      message: expect.stringMatching(
        /final_embs\.npy: has shape \(.*no numbers.*Fix: .*np\.vstack/,
      ) as string,
    })
  })

  it('refuses paths in bytes that are not UTF-8, by the row, before two become one', async () => {
    const folder = await folderWith({ final_fpaths: [3], final_embs: [3, 4] })
    const save = (data: Uint8Array) =>
      writeArray(join(folder, 'final_fpaths.npy'), { descr: '|S2', shape: [3], data })
    await save(Buffer.from('abéè'))
    const good: PathBatch[] = await readPaths(await openFileSet(folder)).toArray()
    expect(good[0]!.paths).toEqual(['ab', 'é', 'è'])
    // All of it is UTF-8, its rows are not.
    await save(Buffer.from('aébcd'))
    const set = await openFileSet(folder)
    for (const reading of [readPaths(set), readEmbeddings(set)]) {
      await expect(reading.toArray()).rejects.toMatchObject({
        code: 'NPY_VALUE',
        message: expect.stringMatching(
          /final_fpaths\.npy: row 0 is "a.*not UTF-8; fix.*np\.char\.decode\(np\.load\(file\), "latin-1"\)/,
        ) as string,
      })
    }
  })

  it.skipIf(!existsSync(INPUTS)).each([
    ['bytes_latin1', 'NPY_VALUE', /final_fpaths\.npy: row 0 .*not UTF-8; fix/],
    ['zero_dim', 'NPY_SHAPE', /final_embs\.npy: has shape \(12, 0\), .*Fix/],
    ['obj_embs', 'NPY_DTYPE', /final_embs\.npy: has dtype \|O, .*Fix.*allow_pickle/],
  ])('refuses %s with the fix', async (name, code, said) => {
    const reading = async () => readPaths(await openFileSet(join(INPUTS, name))).toArray()
    await expect(reading()).rejects.toMatchObject({ code, message: expect.stringMatching(said) as string })
  })

  it('reads paths.npy with embeddings.npy, where there is no set of ours', async () => {
    const folder = await folderWith({ final_fpaths: [3], final_embs: [3, 4] })
    await rename(join(folder, 'final_fpaths.npy'), join(folder, 'paths.npy'))
    await rename(join(folder, 'final_embs.npy'), join(folder, 'embeddings.npy'))
    const set = await openFileSet(folder)
    expect(set).toMatchObject({ rows: 3, dim: 4, normalized: false })
    expect((await readEmbeddings(set).toArray())[0]!.paths).toHaveLength(3)
    await checkUnchanged(set)
    await writePart(folder, 'embs_0', [2, 4])
    await writePart(folder, 'fpaths_0', [2])
    expect(await openFileSet(folder)).toMatchObject({ rows: 2 })
  })

  it.each([
    [
      'clip-retrieval’s files',
      ['img_emb_3.npy', 'metadata_3.parquet'],
      'np.save("fpaths_3.npy", pd.read_parquet("metadata_3.parquet")["image_path"].to_numpy(dtype=str)); np.save("embs_3.npy", np.load("img_emb_3.npy"))',
    ],
    [
      'clip-retrieval’s folders',
      ['img_emb', 'metadata'],
      'np.save("fpaths_0.npy", pd.read_parquet("metadata/metadata_0.parquet")["image_path"].to_numpy(dtype=str)); np.save("embs_0.npy", np.load("img_emb/img_emb_0.npy"))',
    ],
    [
      'an .npz',
      ['faces.npz'],
      'np.save("final_fpaths.npy", np.load("faces.npz")["paths"]); np.save("final_embs.npy", np.load("faces.npz")["embeddings"])',
    ],
    [
      'arrays of other names',
      ['features.npy', 'names.npy'],
      'holds features.npy, names.npy; fix: rename the paths to final_fpaths.npy',
    ],
    [
      'something else',
      ['faces.csv'],
      'np.save("final_fpaths.npy", np.array(paths, dtype=str)); np.save("final_embs.npy", np.asarray(embs, dtype=np.float32))',
    ],
  ])('names the lines that make a set of %s', async (_what, names, said) => {
    const folder = await folderWith({})
    for (const name of names) await writeFile(join(folder, name), '')
    await expect(openFileSet(folder)).rejects.toMatchObject({
      code: 'FILE_SET_EMPTY',
      message: expect.stringContaining(said) as string,
    })
  })

  it('refuses dtypes that cannot be what the name says', async () => {
    const folder = await folderWith({ final_fpaths: [3], final_embs: [3, 4] })
    await writeStrings(join(folder, 'final_embs.npy'), ['a', 'b', 'c'])
    await expect(openFileSet(folder)).rejects.toThrow(
      /final_embs\.npy: has dtype <U1, expected float32 embeddings/,
    )
    await writeArray(join(folder, 'final_fpaths.npy'), {
      descr: '<f4',
      shape: [3],
      data: Float32Array.of(1, 2, 3),
    })
    await expect(openFileSet(folder)).rejects.toThrow(/final_fpaths\.npy: has dtype <f4, expected paths; fix/)
  })

  it('refuses a folder that is not there, and a file', async () => {
    await expect(openFileSet(inFolder('nowhere'))).rejects.toThrow(/nowhere: no such folder/)
    await writeFile(inFolder('file'), '')
    await expect(openFileSet(inFolder('file'))).rejects.toMatchObject({ code: 'FILE_SET_FOLDER' })
  })

  it('refuses a file that was cut short before any work is done, by its name', async () => {
    const folder = await folderWith({ fpaths_0: [3], embs_0: [3, 4], fpaths_1: [3], embs_1: [3, 4] })
    await truncate(join(folder, 'embs_1.npy'), 100)
    const error = await openFileSet(folder).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(NpyError)
    expect(error).toMatchObject({ code: 'NPY_TRUNCATED', file: join(folder, 'embs_1.npy') })
  })
})

const threeShards = () =>
  folderWith({ fpaths_0: [3], embs_0: [3, 4], fpaths_1: [5], embs_1: [5, 4], fpaths_2: [1], embs_2: [1, 4] })

describe('readEmbeddings and readPaths', () => {
  it('give all rows in order, in batches that end with their shard', async () => {
    const set = await openFileSet(await threeShards())
    const batches: EmbeddingBatch[] = await readEmbeddings(set, { batchRows: 2 }).toArray()
    expect(batches.map(({ paths }) => paths.length)).toEqual([2, 1, 2, 2, 1, 1])
    expect(batches.every(({ dim, normalized }) => dim === 4 && !normalized)).toBe(true)
    expect([...batches[3]!.embeddings]).toEqual([8, 9, 10, 11, 12, 13, 14, 15])
    const paths: PathBatch[] = await readPaths(set, { batchRows: 4 }).toArray()
    expect(paths.map((batch) => batch.paths.length)).toEqual([3, 4, 1, 1])
    expect(paths.flatMap((batch) => batch.paths)).toEqual(batches.flatMap((batch) => batch.paths))
  })

  it('give the indices on disk, or positions where there are none', async () => {
    const without = await openFileSet(await threeShards())
    expect((await readPaths(without).toArray()).flatMap(({ indices }) => [...indices])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8,
    ])
    const folder = await folderWith({ final_fpaths: [3], final_embs: [3, 4], final_indices: [3] })
    const [batch] = await readEmbeddings(await openFileSet(folder)).toArray()
    expect([...batch!.indices]).toEqual([100, 101, 102])
  })

  it('give rows of columns that stand one after the other, which are read in blocks', async () => {
    // More than a block, in numbers that no float32 rounds.
    const [rows, dim] = [16_400, 520]
    const folder = await folderWith({ final_fpaths: [rows] })
    const data = new Float32Array(rows * dim)
    for (let column = 0; column < dim; column++)
      for (let row = 0; row < rows; row++) data[column * rows + row] = row * dim + column
    const header = `{'descr': '<f4', 'fortran_order': True, 'shape': (${rows}, ${dim}), }\n`
    await writeArray(join(folder, 'final_embs.npy'), { descr: '<f4', shape: [rows, dim], data, header })
    const set = await openFileSet(folder)
    expect(rowFilesOf(set)).toBeUndefined()
    let at = 0
    let wrong = 0
    for await (const { embeddings } of readEmbeddings(set))
      for (const value of embeddings) if (value !== at++) wrong++
    expect([at, wrong]).toEqual([rows * dim, 0])
  })

  it('read no more ahead than one batch, and close their files on early exit', async () => {
    const folder = await folderWith({ final_fpaths: [100], final_embs: [100, 4] })
    const stream = readEmbeddings(await openFileSet(folder), { batchRows: 10 })
    let taken = 0
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(_batch: EmbeddingBatch, _encoding, callback) {
        taken++
        setTimeout(callback, 5, taken === 3 ? new Error('enough') : undefined)
      },
    })
    await expect(pipeline(stream, sink)).rejects.toThrow('enough')
    expect(stream.destroyed).toBe(true)
    await sleep(20)
    expect(await isOpen(folder)).toBe(false)
    expect(taken).toBe(3)
  })

  it('fail with the name of a file that was changed after it was checked', async () => {
    const folder = await threeShards()
    const set = await openFileSet(folder)
    await writePart(folder, 'embs_1', [2, 4])
    await expect(readEmbeddings(set).toArray()).rejects.toThrow(/embs_1\.npy: has 2 rows/)
  })

  it('check their options at once', async () => {
    const set = await openFileSet(await threeShards())
    expect(() => readPaths(set, { batchRows: -1 })).toThrow(/positive integer for batchRows but received -1/)
  })
})
