import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rounds, seededRandom } from '@facekit/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum, writeBlockModel } from './album.js'
import { contents, facekit, streamOf, temporaryFolder } from './program.js'

const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))
const inFolder = temporaryFolder()
const [album, model, embeddings, disk] = [
  inFolder('album'),
  inFolder('blocks.onnx'),
  inFolder('embeddings'),
  inFolder('disk'),
]
const output = join(disk, 'output')

/** @returns whether this process may make disks */
function mountDisk(kibibytes: number): boolean {
  mkdirSync(disk, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', disk]).status === 0
}
const unmountDisk = () => spawnSync('umount', [disk])

const mayMount = mountDisk(64)
unmountDisk()

let stream: Uint8Array

beforeAll(async () => {
  drawAlbum(album, 12, 5)
  writeBlockModel(model)
  const args = ['extract', '--input', album, '--weights', model]
  expect((await facekit([...args, '--output', embeddings])).status).toBe(0)
  stream = await streamOf(args)
})

afterEach(unmountDisk)

describe.skipIf(!mayMount)('on a disk of any size', () => {
  it.each<[string, string[], (() => Uint8Array)?]>([
    ['extract', ['extract', '--input', album, '--weights', model, '--output', output]],
    ['cluster', ['cluster', '--input', embeddings, '--output', output]],
    ['cluster of a stream', ['cluster', '--output', output], () => stream],
    ['convert', ['convert', DEMO, join(output, 'model.onnx')]],
  ])(
    '%s does all of its work, or says that the disk is full and leaves nothing',
    async (name, args, stdin) => {
      const random = seededRandom(name.length)
      for (let round = 0; round < rounds(4, 30); round++) {
        // Evenly over orders of magnitude: 4 KiB to 4 MiB.
        mountDisk(Math.floor(4 * 1024 ** random()))
        const { status, stderr } = await facekit(args, stdin?.())
        if (status === 0) expect(readdirSync(output).length).toBeGreaterThan(0)
        else {
          expect(stderr).toMatch(/facekit: .*ENOSPC.*The disk is full: make room, and run again\..*\n$/)
          expect(stderr).not.toContain('    at ')
          expect(status).toBe(3)
          // Edges are kept when they are complete: the labels are made of them when there is room.
          if (existsSync(output)) {
            expect([name, readdirSync(output)]).toEqual([expect.stringContaining('cluster'), ['edges']])
            expect(readdirSync(join(output, 'edges')).sort()).toEqual([
              '.facekit.json',
              'edges.json',
              'edges_0.parquet',
            ])
          }
        }
        unmountDisk()
      }
    },
  )

  it('an earlier result stays as it was', async () => {
    const older = inFolder('older')
    await facekit([
      'cluster',
      '--input',
      embeddings,
      '--output',
      older,
      '--no-remove_duplicates',
      '--save_groups',
      '1',
    ])
    const taken = [...contents(older).values()].reduce(
      (sum, base64) => sum + Math.ceil(base64.length / 4096) * 4,
      8,
    )
    for (const room of [8, 20, 40]) {
      mountDisk(taken + room)
      cpSync(older, output, { recursive: true })
      const before = contents(output)
      const { status } = await facekit([
        'cluster',
        '--input',
        embeddings,
        '--output',
        output,
        '--save_groups',
        '1',
      ])
      if (status === 0) expect(contents(output)).not.toEqual(before)
      else expect(contents(output)).toEqual(before)
      unmountDisk()
    }
  })

  it('previews that find no room cost no labels', async () => {
    mountDisk(200)
    const { status, stderr } = await facekit(['cluster', '--input', embeddings, '--output', output])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('Wrote no previews, since one could not be written: ENOSPC')
    expect(readdirSync(output).filter((file) => file.startsWith('group_'))).toEqual([])
    expect(readdirSync(output)).toContain('assignments.parquet')
  })
})
