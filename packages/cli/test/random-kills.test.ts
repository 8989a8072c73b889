import { createHash } from 'node:crypto'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum, writeBlockModel } from './album.js'
import { builtFacekit, contents, facekit, outcomeOf, start, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const embeddings = inFolder('embeddings')
const ROUNDS = rounds(1, 16)
const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const

beforeAll(async () => {
  drawAlbum(album, 12, 5)
  writeBlockModel(model)
  await facekit(['extract', '--input', album, '--weights', model, '--output', embeddings])
})

/** Of all that a user sees. */
function hashes(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {}
  const visible = [...contents(folder)].filter(([name]) => !/(?:^|\/)\./.test(name))
  return Object.fromEntries(
    visible.map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]),
  )
}

const isEdges = (name: string) => name.startsWith('edges/')

describe('killed at random moments', () => {
  const output = inFolder('output')
  /** Of another run into the same folder: its files are others. */
  const older = inFolder('older')

  /** Kills while the programs run; whatever they left, a run afterwards gives the files that an undisturbed one gives. */
  async function killAndRunAgain(
    olderArgs: string[],
    args: string[],
    run: (output: string) => Promise<void>,
  ) {
    expect((await facekit([...olderArgs, '--output', older])).status).toBe(0)
    expect((await facekit([...args, '--output', output])).status).toBe(0)
    const [before, whole] = [hashes(older), hashes(output)]
    for (let round = 0; round < ROUNDS; round++) {
      rmSync(output, { recursive: true })
      if (round % 2 === 0) cpSync(older, output, { recursive: true, preserveTimestamps: true })
      const atFirst = hashes(output)
      await run(output)
      // Between two renames some are missing: the next run knows.
      const left = hashes(output)
      for (const [name, hash] of Object.entries(left))
        expect([before[name], whole[name]], name).toContain(hash)
      // Edges are a set of their own, which comes before the labels.
      for (const isOfSet of [isEdges, (name: string) => !isEdges(name)]) {
        const names = Object.keys(left).filter(isOfSet)
        const isMixed =
          names.some((name) => left[name] !== atFirst[name]) &&
          names.some((name) => left[name] !== whole[name])
        expect(isMixed, JSON.stringify({ left, atFirst, whole })).toBe(false)
      }
      const { status, stderr } = await builtFacekit([...args, '--output', output])
      expect(status, stderr).toBe(0)
      expect(hashes(output)).toEqual(whole)
    }
    rmSync(output, { recursive: true })
    rmSync(older, { recursive: true })
  }

  it.each([
    ['extract', ['extract', '--input', album, '--weights', model, '--overwrite']],
    ['cluster', ['cluster', '--input', embeddings, '--save_groups', '3']],
  ])('%s leaves no half-written file, and a run afterwards gives the same bytes', async (name, args) => {
    const random = seededRandom(name.length)
    const olderArgs = [...args, ...(name === 'extract' ? ['--use-l2-norm'] : ['--no-remove_duplicates'])]
    await killAndRunAgain(olderArgs, args, async (folder) => {
      const program = start(...args, '--output', folder)
      const ended = outcomeOf(program)
      await sleep(random() * 1500)
      program.kill(SIGNALS[Math.floor(random() * SIGNALS.length)])
      await ended
    })
  })

  it('a pipe does so, whichever of its ends is killed', async () => {
    const random = seededRandom(5)
    const args = ['cluster', '--input', embeddings, '--save_groups', '3']
    await killAndRunAgain([...args, '--no-remove_duplicates'], args, async (folder) => {
      const writer = start('extract', '--input', album, '--weights', model, '--output', '-')
      const reader = start('cluster', '--save_groups', '3', '--output', folder)
      const [written, read] = [outcomeOfQuiet(writer), outcomeOf(reader)]
      writer.stdout.on('error', () => {})
      reader.stdin.on('error', () => {})
      writer.stdout.pipe(reader.stdin)
      reader.once('exit', () => writer.stdout.destroy())
      await sleep(random() * 2000)
      const killed = random() < 0.5 ? writer : reader
      killed.kill(SIGNALS[Math.floor(random() * SIGNALS.length)])
      await Promise.all([written, read])
    })
  })
})

async function outcomeOfQuiet(program: ReturnType<typeof start>): Promise<void> {
  program.stderr.resume()
  await new Promise((resolve) => program.once('exit', resolve))
}
