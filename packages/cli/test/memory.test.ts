import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/index.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { writePeople } from './people.js'
import { builtFacekit, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const MIB = 2 ** 20

/** 6000 × 6000 pixels. */
const BLANK_WEBP = Buffer.from('UklGRh4AAABXRUJQVlA4TBIAAAAvb9fbBYiICAAAAAAAAAAAAAA=', 'base64')

describe('cluster --memory-limit', () => {
  it('stays within the limit and 300 MB, and finds all there is', async () => {
    const input = inFolder('people')
    // 400 MiB of embeddings, more than all that may be taken, and up to 100 of codes.
    await writePeople(input, 12_800, 8192)
    const args = ['cluster', '--input', input, '--output', inFolder('labels'), '--save_groups', '0', '--json']
    // In a process of its own, whose memory is looked at.
    const { status, stdout, stderr } = await builtFacekit([...args, '--memory-limit', '64MiB'])
    rmSync(input, { recursive: true })
    expect(status, stderr).toBe(0)
    const { peakMemoryBytes, ...found } = JSON.parse(stdout) as ClusterSummary
    expect(peakMemoryBytes).toBeLessThan((64 + 300) * MIB)
    expect(found).toMatchObject({ classes: 2560, duplicates: 256, labelled: 12_544 })
  }, 180_000)

  it('goes for previews, too', async () => {
    const album = inFolder('album')
    drawAlbum(album, 2, 4)
    writeBlockModel(inFolder('blocks.onnx'))
    const embeddings = inFolder('embeddings')
    const extract = [
      'extract',
      '--input',
      album,
      '--weights',
      inFolder('blocks.onnx'),
      '--output',
      embeddings,
    ]
    expect((await facekit(extract)).status).toBe(0)
    // From now on all pictures but one take 300 MB.
    const [kept, ...others] = readdirSync(album, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.bmp'))
      .sort()
    for (const name of others) writeFileSync(join(album, name), BLANK_WEBP)

    const cluster = ['cluster', '--input', embeddings, '--output', inFolder('previews'), '--json']
    const duplicatesToo = ['--no-remove_duplicates', '--cluster_thresh', '-1', '--memory-limit', '64MiB']
    const { status, stdout, stderr } = await builtFacekit([...cluster, ...duplicatesToo])
    expect(status, stderr).toBe(0)
    const { peakMemoryBytes, failedPreviews } = JSON.parse(stdout) as ClusterSummary
    expect(failedPreviews).toBe(others.length)
    expect(stderr).toContain('Left out of the previews: 7 images that cannot be read, or not in')
    expect(readdirSync(inFolder('previews', 'group_0000'))).toEqual([`${basename(kept!, '.bmp')}.jpg`])
    expect(peakMemoryBytes).toBeLessThan((64 + 300) * MIB)
  })

  it.each(['a lot', '12', '-1GB', '4 parsecs'])('refuses %s', async (size) => {
    const { status, stderr } = await facekit(['cluster', `--memory-limit=${size}`])
    expect([status, stderr]).toEqual([2, expect.stringContaining('Expected a size such as 4GB')])
  })
})

describe('extract --decode-memory', () => {
  it('has one large picture decoded at a time', async () => {
    const album = inFolder('large')
    mkdirSync(album)
    for (let i = 0; i < 4; i++) writeFileSync(join(album, `${i}.webp`), BLANK_WEBP)
    const model = inFolder('blocks.onnx')
    writeBlockModel(model)
    const args = ['extract', '--input', album, '--weights', model, '--output', inFolder('few')]
    const told = "process.once('exit',()=>console.error('peak '+process.resourceUsage().maxRSS))"
    const { status, stderr } = await builtFacekit(
      [...args, '--num-workers', '4', '--decode-memory', '64MiB', '--quiet'],
      { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(told)}` } },
    )
    expect(status, stderr).toBe(0)
    const peakBytes = Math.max(...[...stderr.matchAll(/peak (\d+)/g)].map(([, kib]) => Number(kib) * 1024))
    // One takes 300 MB, two would take 600.
    expect(peakBytes).toBeLessThan(550 * MIB)
    expect(peakBytes).toBeGreaterThan(100 * MIB)
  }, 120_000)

  it('refuses what is no size', async () => {
    const { status, stderr } = await facekit(['extract', '--weights', 'w', '--decode-memory=12'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('for --decode-memory but received 12')])
  })
})
