import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlbumEntry, renderAlbum } from '../src/album.js'

const OPTIONS = { identities: 12, picturesPerIdentity: [3, 5], duplicates: 0.3, seed: 7 } as const

let root: string
let album: string
let truth: AlbumEntry[]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'facekit-album-'))
  album = join(root, 'album')
  truth = await renderAlbum({ ...OPTIONS, output: album })
})

afterAll(() => rm(root, { recursive: true }))

async function bytesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const contents = await Promise.all(files.map((file) => readFile(file, 'base64')))

  return Object.fromEntries(files.map((file, i) => [file.slice(folder.length), contents[i] ?? '']))
}

/** The mean absolute difference of two pictures, 0 … 255. */
async function difference(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all([a, b].map((path) => sharp(join(album, path)).raw().toBuffer()))
  let sum = 0
  left?.forEach((value, i) => (sum += Math.abs(value - (right?.[i] ?? 0))))

  return sum / (left?.length ?? 1)
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

describe('renderAlbum', () => {
  it('writes one folder per identity and every file that the truth lists', async () => {
    const files = Object.keys(await bytesOf(album)).sort()
    const listed = [...truth.map(({ path }) => `/${path}`), '/truth.json'].sort()

    expect(files).toEqual(listed)
    expect(JSON.parse(await readFile(join(album, 'truth.json'), 'utf8'))).toEqual(truth)
    expect(new Set(truth.map(({ path }) => path.split('/')[0])).size).toBe(OPTIONS.identities)
  })

  it('keeps the promised number of pictures per identity', () => {
    const originals = truth.filter(({ duplicateOf }) => duplicateOf === null)

    for (let identity = 1; identity <= OPTIONS.identities; identity++) {
      const count = originals.filter((entry) => entry.identity === identity).length
      expect(count).toBeGreaterThanOrEqual(3)
      expect(count).toBeLessThanOrEqual(5)
    }
  })

  it('makes near-duplicates of originals of the same identity, about as many as asked for', () => {
    const originals = new Map(
      truth.filter(({ duplicateOf }) => duplicateOf === null).map((entry) => [entry.path, entry]),
    )
    const copies = truth.filter(({ duplicateOf }) => duplicateOf !== null)

    for (const copy of copies) {
      expect(originals.get(copy.duplicateOf ?? '')?.identity).toBe(copy.identity)
    }
    expect(copies.length / originals.size).toBeGreaterThan(0.15)
    expect(copies.length / originals.size).toBeLessThan(0.45)
  })

  it('writes 112×112 RGB pictures', async () => {
    const { width, height, channels, format } = await sharp(join(album, truth[0]?.path ?? '')).metadata()

    expect({ width, height, channels, format }).toEqual({
      width: 112,
      height: 112,
      channels: 3,
      format: 'jpeg',
    })
  })

  it('gives the same bytes for the same seed and others for another', async () => {
    const [again, other] = [join(root, 'again'), join(root, 'other')]
    await renderAlbum({ ...OPTIONS, output: again })
    await renderAlbum({ ...OPTIONS, output: other, seed: 8 })

    const first = await bytesOf(album)
    const different = new Set(Object.values(await bytesOf(other)))
    expect(await bytesOf(again)).toEqual(first)
    expect(Object.values(first).filter((bytes) => different.has(bytes))).toEqual([])
  })

  it('draws a near-duplicate closer to its original than any other picture of the identity', async () => {
    const toOriginal: number[] = []
    const toNearestOther: number[] = []

    for (const { path, identity, duplicateOf } of truth) {
      if (duplicateOf === null) continue

      const others = truth.filter(
        (entry) =>
          entry.identity === identity &&
          entry.path !== path &&
          entry.path !== duplicateOf &&
          entry.duplicateOf !== duplicateOf,
      )
      toOriginal.push(await difference(path, duplicateOf))
      toNearestOther.push(
        Math.min(...(await Promise.all(others.map((other) => difference(path, other.path))))),
      )
    }

    expect(mean(toOriginal)).toBeLessThan(mean(toNearestOther) / 3)
  })
})
