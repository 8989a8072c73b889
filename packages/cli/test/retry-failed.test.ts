import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KILL_AT, rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum, writeBlockModel, writeSlowModel } from './album.js'
import { builtFacekit, contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const away = inFolder('away')
const model = inFolder('blocks.onnx')
const list = inFolder('list.txt')
let pictures: string[]

beforeAll(() => {
  drawAlbum(album, 4, 10)
  writeBlockModel(model)
  pictures = readdirSync(album, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bmp'))
    .sort()
  writeFileSync(list, pictures.map((name) => `album/${name}`).join('\n'))
})

const extract = async (output: string, ...flags: string[]) =>
  facekit(['extract', '--weights', model, '--output', output, ...flags])

/** Extracts with some pictures away, and brings them back. */
async function extractWithout(missing: readonly string[], output: string, ...flags: string[]) {
  for (const name of missing) {
    mkdirSync(join(away, name, '..'), { recursive: true })
    renameSync(join(album, name), join(away, name))
  }
  const outcome = await extract(output, '--input', list, ...flags)
  for (const name of missing) renameSync(join(away, name), join(album, name))
  expect(outcome.status, outcome.stderr).toBe(0)
}

const failedIn = (output: string) =>
  readFileSync(join(output, 'failed.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { index: number; path: string; reason: string })

let folders = 0
const newFolder = () => inFolder(`output-${folders++}`)

describe('extract --retry-failed', () => {
  it.each([
    ['merged', []],
    ['split', ['--split-threshold', '7']],
    ['unmerged', ['--no-merge-embs', '--batch-size', '3']],
    ['normalised', ['--use-l2-norm']],
  ])('makes of a %s set what it had been without the failures', async (_what, flags) => {
    const whole = newFolder()
    expect((await extract(whole, '--input', list, ...flags)).status).toBe(0)
    const random = seededRandom(4)
    for (let round = 0; round < rounds(3, 12); round++) {
      const share = [0.1, 0.5, 0.9][round % 3]!
      const missing = pictures.filter((_, i) => (i === 0 && round === 1) || random() < share)
      const output = newFolder()
      await extractWithout(missing, output, ...flags)
      expect(failedIn(output)).toHaveLength(missing.length)
      // Some stay away.
      const still = missing.filter(() => random() < 0.3)
      for (const name of still) renameSync(join(album, name), join(away, name))
      const first = await extract(output, '--retry-failed', '--json', ...flags)
      for (const name of still) renameSync(join(away, name), join(album, name))
      expect(first.status, first.stderr).toBe(0)
      expect(first.stderr).toContain(
        missing.length > 0 ? `Trying again ${missing.length} images that failed` : 'Nothing failed in',
      )
      expect(JSON.parse(first.stdout)).toMatchObject({
        images: pictures.length,
        embedded: pictures.length - still.length,
        failed: still.length,
      })
      expect(failedIn(output).map(({ path }) => path)).toEqual(still.map((name) => join(album, name)))
      // What the first one leaves can be tried again.
      expect((await extract(output, '--retry-failed', ...flags)).status).toBe(0)
      expect(contents(output)).toEqual(contents(whole))
    }
  })

  it('finds the lines of a list that are no exact names, wherever it runs', async () => {
    const lists = inFolder('lists')
    mkdirSync(lists, { recursive: true })
    const own = join(lists, 'quoted.txt')
    cpSync(join(album, pictures[0]!), join(lists, 'there.bmp'))
    writeFileSync(own, '"there.bmp"\n "late.bmp" \n')
    const output = newFolder()
    await extract(output, '--input', own)
    expect(failedIn(output)).toHaveLength(1)
    cpSync(join(album, pictures[1]!), join(lists, 'late.bmp'))
    const { status, stderr } = await extract(output, '--retry-failed')
    expect(status, stderr).toBe(0)
    const whole = newFolder()
    await extract(whole, '--input', own)
    expect(contents(output)).toEqual(contents(whole))
  })

  it('says why what fails again does', async () => {
    const missing = pictures.slice(3, 5)
    const output = newFolder()
    await extractWithout(missing, output)
    expect(failedIn(output)[0]!.reason).toMatch(/no such file/)
    const path = join(album, missing[0]!)
    const picture = readFileSync(path)
    writeFileSync(path, 'no picture')
    expect((await extract(output, '--retry-failed')).status).toBe(0)
    writeFileSync(path, picture)
    expect(failedIn(output)).toMatchObject([{ index: 3, path }])
    expect(failedIn(output)[0]!.reason).not.toMatch(/no such file/)
  })

  it('leaves alone what has no path to try', async () => {
    const crops = inFolder('crops')
    cpSync(album, crops, { recursive: true })
    writeFileSync(Buffer.concat([Buffer.from(`${crops}/p`), Buffer.from([0xff]), Buffer.from('.bmp')]), 'x')
    const output = newFolder()
    expect((await extract(output, '--input', crops)).status).toBe(0)
    // As where a folder could not be listed: what runs as root lists all.
    const before = failedIn(output)
    expect(before[0]!.reason).toContain('not UTF-8')
    rmSync(crops, { recursive: true })
    const { status, stderr } = await extract(output, '--retry-failed')
    expect(status, stderr).toBe(0)
    expect(failedIn(output)).toEqual(before)
  })

  it('where nothing failed writes nothing', async () => {
    const output = newFolder()
    await extract(output, '--input', list)
    const before = contents(output)
    const { status, stdout, stderr } = await extract(output, '--retry-failed', '--json')
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`Nothing failed in ${output}`)
    expect(JSON.parse(stdout)).toMatchObject({ images: 40, embedded: 40, failed: 0 })
    expect(contents(output)).toEqual(before)
  })

  it('killed at any moment leaves the old set or the new one', { timeout: 300_000 }, async () => {
    const missing = pictures.slice(10, 20)
    const older = newFolder()
    await extractWithout(missing, older)
    const whole = newFolder()
    await extract(whole, '--input', list)
    const random = seededRandom(9)
    const stride = rounds(12, 2)
    for (let step = 1 + Math.floor(random() * stride); ; step += stride) {
      const output = newFolder()
      cpSync(older, output, { recursive: true })
      const env = { NODE_OPTIONS: `--import ${KILL_AT}`, FACEKIT_KILL_AT: String(step) }
      const args = ['extract', '--weights', model, '--output', output, '--retry-failed']
      const { status } = await builtFacekit(args, { env })
      if (status === 0) break
      // It begins anew, or finds that nothing is left to do.
      const again = await facekit(args)
      expect(again.status, again.stderr).toBe(0)
      expect(contents(output)).toEqual(contents(whole))
    }
  })
})

describe('extract --retry-failed is refused', () => {
  it.each([
    [
      'another model',
      ['--weights', inFolder('other.onnx')],
      /the model was .*…[^;]*; --emb-dim was 192 and is 64/,
    ],
    [
      'other options',
      ['--batch-size', '8', '--use-l2-norm'],
      /--use-l2-norm was false and is true; --batch-size/,
    ],
  ])('with %s', async (_what, flags, message) => {
    writeSlowModel(inFolder('other.onnx'), 1)
    const output = newFolder()
    await extractWithout(pictures.slice(0, 2), output)
    const before = contents(output)
    const args = ['extract', '--output', output, '--retry-failed', ...flags]
    const { status, stderr } = await facekit(
      args.includes('--weights') ? args : [...args, '--weights', model],
    )
    expect(stderr).toMatch(message)
    expect(stderr).toContain('[RETRY_DIFFERS]')
    expect(status).toBe(3)
    expect(contents(output)).toEqual(before)
  })

  it.each([
    ['nothing', () => {}, 'RETRY_UNKNOWN'],
    [
      'what an older facekit made',
      (output: string) => {
        const file = join(output, '.facekit.json')
        const { identities: _none, ...record } = JSON.parse(readFileSync(file, 'utf8')) as Record<
          string,
          unknown
        >
        writeFileSync(file, JSON.stringify({ ...record, version: 2 }))
      },
      'RETRY_UNKNOWN',
    ],
    ['a set without its failures', (output: string) => rmSync(join(output, 'failed.ndjson')), 'FAILED_LIST'],
    [
      'failures that are none',
      (output: string) => {
        const file = join(output, 'failed.ndjson')
        writeFileSync(file, readFileSync(file, 'utf8').replace('"index":1,', '"index":0,'))
      },
      'FAILED_LIST',
    ],
    [
      'a set that was changed',
      (output: string) => writeFileSync(join(output, 'final_embs.npy'), 'mine'),
      'OUTPUT_EXISTS',
    ],
  ])('in a folder with %s', async (what, change, code) => {
    const output = newFolder()
    if (what !== 'nothing') await extractWithout(pictures.slice(0, 2), output)
    change(output)
    const { status, stderr } = await extract(output, '--retry-failed')
    expect(stderr).toContain(`[${code}]`)
    expect(status).toBe(3)
  })

  it('without a folder, and together with --resume', async () => {
    for (const [output, ...flags] of [['-'], [newFolder(), '--resume']] as const) {
      const { status, stderr } = await extract(output, '--retry-failed', ...flags)
      expect(stderr).toContain('--retry-failed')
      expect(status).toBe(2)
    }
  })
})
