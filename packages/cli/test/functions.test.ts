import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import yargs, { type Options } from 'yargs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import * as clusterCommand from '../src/cluster/command.js'
import {
  CLUSTER_DEFAULTS,
  EVALUATE_DEFAULTS,
  EXTRACT_DEFAULTS,
  LABEL_DEFAULTS,
  REPORT_DEFAULTS,
  SEARCH_DEFAULTS,
  THRESHOLDS_DEFAULTS,
  WEIGHTS_DEFAULTS,
  withDefaults,
} from '../src/defaults.js'
import * as convertCommand from '../src/convert/command.js'
import { deviceWish } from '../src/device-flags.js'
import * as evaluateCommand from '../src/evaluate/command.js'
import * as extractCommand from '../src/extract/command.js'
import {
  cluster,
  evaluate,
  extract,
  label,
  report,
  search,
  thresholds,
  type Progress,
  type Talk,
} from '../src/index.js'
import * as labelCommand from '../src/label/command.js'
import * as reportCommand from '../src/report/command.js'
import * as searchCommand from '../src/search/command.js'
import * as thresholdsCommand from '../src/thresholds/command.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const crops = inFolder('crops')
const weights = inFolder('model.onnx')

beforeAll(() => {
  drawAlbum(crops, 5, 4)
  writeBlockModel(weights)
})

/** What a run wrote, but what tells of the run itself: when it was, and how it was called. */
function filesOf(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
  const told = ['run.json', '.facekit.json']
  return new Map(
    names
      .filter((name) => !told.includes(name) && statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name))]),
  )
}

async function run(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  return stdout
}

describe('the functions of the commands', () => {
  it.each([
    ['extract', extractCommand.flags, EXTRACT_DEFAULTS],
    ['cluster', clusterCommand.flags, CLUSTER_DEFAULTS],
    ['search', searchCommand.flags, SEARCH_DEFAULTS],
    ['label', labelCommand.flags, LABEL_DEFAULTS],
    ['thresholds', thresholdsCommand.flags, THRESHOLDS_DEFAULTS],
    ['evaluate', evaluateCommand.flags, EVALUATE_DEFAULTS],
    ['report', reportCommand.flags, REPORT_DEFAULTS],
    ['convert', convertCommand.flags, WEIGHTS_DEFAULTS],
  ])('have the defaults of the flags of %s', async (_name, flags, defaults) => {
    const optional = Object.entries<Options>(flags).map(([name, flag]) => [
      name,
      { ...flag, demandOption: false },
    ])
    const parsed = await yargs([])
      .options(Object.fromEntries(optional) as Record<string, Options>)
      .parseAsync()
    const device = 'device' in defaults && deviceWish(parsed as unknown as Parameters<typeof deviceWish>[0])
    expect(device ? { ...parsed, device } : parsed).toMatchObject(defaults)
  })

  it('take undefined for left out', () => {
    const options: { topK?: number | undefined; floor?: number } = { topK: undefined, floor: 0 }
    expect(withDefaults(options, { topK: 100, floor: 0.5 })).toEqual({ topK: 100, floor: 0 })
  })

  it('give what the program gives, of what has no default, and say nothing', async () => {
    const said = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'))
    const [embeddings, edges] = [inFolder('embeddings'), inFolder('edges')]
    const [labels, clustered] = [inFolder('labels'), inFolder('clustered')]
    const extracted = await extract({ input: crops, weights, output: embeddings })
    await search({ input: embeddings, output: edges })
    await label({ input: embeddings, edges, output: labels })
    await cluster({ input: embeddings, output: clustered })
    const evaluation = await evaluate({ labels, truth: crops })
    const table = await thresholds({ edges })
    const { file } = await report({ labels })
    for (const write of said) {
      expect(write).not.toHaveBeenCalled()
      write.mockRestore()
    }
    expect(extracted).toMatchObject({ images: 20, embedded: 20, failed: 0 })
    expect(file).toBe(join(labels, 'report.html'))

    await run('extract', '--input', crops, '--weights', weights, '--output', inFolder('embeddings_'))
    expect(filesOf(embeddings)).toEqual(filesOf(inFolder('embeddings_')))
    await run('search', '--input', embeddings, '--output', inFolder('edges_'))
    expect(filesOf(edges)).toEqual(filesOf(inFolder('edges_')))
    await run('label', '--input', embeddings, '--edges', edges, '--output', inFolder('labels_'))
    await run('cluster', '--input', embeddings, '--output', inFolder('clustered_'))
    expect(filesOf(clustered)).toEqual(filesOf(inFolder('clustered_')))
    const evaluated = await run('evaluate', labels, '--truth', crops, '--json')
    expect({ ...evaluation, seconds: 0 }).toEqual({ ...(JSON.parse(evaluated) as object), seconds: 0 })
    const swept = await run('thresholds', edges, '--json')
    expect({ ...table, seconds: 0 }).toEqual({ ...(JSON.parse(swept) as object), seconds: 0 })
    const reported = filesOf(labels)
    reported.delete('report.html')
    expect(reported).toEqual(filesOf(inFolder('labels_')))
  })

  it('say what a caller wants to hear', async () => {
    const lines: string[] = []
    let last: Progress | undefined
    const talk: Talk = {
      info: (line) => lines.push(line),
      warn: (line) => lines.push(line),
      progress: (progress) => (last = progress),
    }
    await extract({ input: crops, weights, output: inFolder('heard') }, talk)
    expect(lines.join('\n')).toContain('112×112 pixels to 192 numbers')
    expect(last).toMatchObject({ count: 20, total: 20, finished: true })
  })
})

describe('of what is no such option, in JavaScript', () => {
  // As JavaScript has it, where no type says no.
  const given = (options: object) => options as never
  it.each([
    ['cluster', { clusterThresh: '0.8' }, 'clusterThresh'],
    ['cluster', { method: 'x' }, 'method'],
    ['cluster', { engine: 'x' }, 'engine'],
    ['cluster', { saveGroups: -1 }, 'saveGroups'],
    ['label', { duplicateThresh: NaN, edges: 'edges' }, 'duplicateThresh'],
    ['extract', { numWorkers: 0 }, 'numWorkers'],
    ['extract', { batchSize: 1.5 }, 'batchSize'],
    ['extract', { output: undefined }, 'output'],
  ] as const)('%s refuses %j at once', async (name, options, named) => {
    const output = inFolder('refused')
    const all = given({ input: crops, weights, output, ...options })
    const made = { cluster, label, extract }[name](all)
    await expect(made).rejects.toMatchObject({ code: 'OPTION', message: expect.stringContaining(named) })
    expect(existsSync(output)).toBe(false)
  })
})
