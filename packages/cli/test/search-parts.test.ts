import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { removeOutput } from '@facekit/core'
import { shardEmbeddings } from '@facekit/io-npy'
import { KILL_AT, People, rounds, seededRandom, softwareVulkan } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { partOf } from '../src/part-flags.js'
import { writePeople } from './people.js'
import { builtFacekit, contents, facekit, outcomeOf, startWith, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const embeddings = inFolder('embeddings')
const vulkan = softwareVulkan()
const ROWS = 4000
const DIM = 32

beforeAll(async () => void (await writePeople(embeddings, ROWS, DIM)))

async function succeed(...args: string[]): Promise<string> {
  const { status, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  return stderr
}

const search = (output: string, ...more: string[]) =>
  succeed('search', '--input', embeddings, '--output', output, ...more)

const label = (edges: string, output: string, ...more: string[]) =>
  facekit([
    'label',
    '--input',
    embeddings,
    '--edges',
    edges,
    '--output',
    output,
    '--save-groups',
    '0',
    ...more,
  ])

/** All parts of a search, in a random order, by whatever engine. */
async function searchParts(
  output: string,
  of: number,
  {
    random = seededRandom(of),
    topK = '100',
    but = -1,
  }: { random?: () => number; topK?: string; but?: number } = {},
) {
  const numbers = Array.from({ length: of }, (_, number) => ({ number, at: random() }))
  for (const { number } of numbers.sort((a, b) => a.at - b.at).filter((one) => one.number !== but)) {
    const engine = random() < 0.3 ? 'tiles' : 'screened'
    await search(output, '--topK', topK, '--part', `${number}/${of}`, '--engine', engine)
  }
}

describe('edges of all parts', () => {
  it.each(['2', '8', '100', 'all'])('are those of one search, byte for byte, with topK %s', async (topK) => {
    const whole = inFolder(`whole-${topK}`)
    await search(whole, '--topK', topK)
    expect((await label(whole, `${whole}-labels`)).status).toBe(0)
    for (const of of [1, 2, 7, 64]) {
      const parts = inFolder(`parts-${topK}-${of}`)
      await searchParts(parts, of, { topK })
      const { status, stderr } = await label(parts, `${parts}-labels`)
      expect(status, stderr).toBe(0)
      expect(stderr).toContain(`Joining ${of} parts`)
      expect(visible(parts)).toEqual(visible(whole))
      expect(readdirSync(parts).toSorted()).toEqual(readdirSync(whole).toSorted())
      expect(visible(`${parts}-labels`)).toEqual(visible(`${whole}-labels`))
    }
  })

  it('are these whatever the order in which they come', async () => {
    const whole = inFolder('ordered')
    await search(whole, '--topK', '4')
    const random = seededRandom(14)
    for (let round = 0; round < rounds(20, 100); round++) {
      const parts = inFolder(`order-${round}`)
      await searchParts(parts, 2 + Math.floor(random() * 8), { random, topK: '4' })
      expect((await label(parts, `${parts}-labels`)).status).toBe(0)
      expect(visible(parts)).toEqual(visible(whole))
    }
  })

  it.skipIf(!vulkan)(
    'are these where a GPU made one of them',
    async () => {
      const [whole, parts] = [inFolder('by-cpu'), inFolder('by-gpu')]
      await search(whole, '--topK', '8')
      for (const number of [2, 0, 1]) {
        const device = number === 1 ? ['--provider', 'webgpu'] : ['--engine', 'tiles']
        const args = [
          'search',
          '--input',
          embeddings,
          '--output',
          parts,
          '--topK',
          '8',
          '--part',
          `${number}/3`,
        ]
        const { status, stderr } = await builtFacekit([...args, ...device], { env: vulkan! })
        expect(status, stderr).toBe(0)
        if (number === 1) expect(stderr).toContain('Sharded index across 1 GPU(s)')
      }
      expect((await label(parts, inFolder('by-gpu-labels'))).status).toBe(0)
      expect(visible(parts)).toEqual(visible(whole))
    },
    180_000,
  )

  it('are joined while little memory is lent', async () => {
    const parts = inFolder('little')
    await searchParts(parts, 7)
    await search(inFolder('much'))
    expect((await label(parts, inFolder('little-labels'), '--memory-limit', '64MiB')).status).toBe(0)
    expect(visible(parts)).toEqual(visible(inFolder('much')))
  })
})

describe('parts', () => {
  const complete = inFolder('complete')
  beforeAll(async () => searchParts(complete, 7))

  /** A copy in which something is changed. */
  function changed(name: string, change: (folder: string) => void): string {
    const folder = inFolder(name)
    cpSync(complete, folder, { recursive: true })
    change(folder)
    return folder
  }

  async function refused(edges: string, code: string, message: RegExp) {
    const before = contents(edges)
    const { status, stderr } = await label(edges, `${edges}-labels`)
    expect(status).toBe(3)
    expect(stderr).toMatch(message)
    expect(stderr).toContain(`[${code}]`)
    expect(existsSync(`${edges}-labels`)).toBe(false)
    expect(contents(edges)).toEqual(before)
  }

  it('that are missing are named', async () => {
    const parts = inFolder('missing')
    await searchParts(parts, 7, { but: 3 })
    await refused(parts, 'PART_MISSING', /all 7 parts .* but part 3 is missing.*facekit search … --part 3\/7/)
    await search(parts, '--part', '3/7')
    expect((await label(parts, inFolder('missing-labels'))).status).toBe(0)
  })

  it('of other embeddings, another floor or topK are named, by the part itself and by label', async () => {
    const others = inFolder('other-people')
    await writePeople(others, ROWS + 1, DIM)
    for (const [flag, value, difference] of [
      ['--input', others, /embeddings was .* and is .*; rows was 4000 and is 4001/],
      ['--floor', '0.6', /floor was 0\.5 and is 0\.6/],
      ['--topK', '5', /topK was 100 and is 5/],
    ] as const) {
      const flags = new Map([
        ['--input', embeddings],
        [flag, value],
      ])
      const part = ['search', ...[...flags].flat(), '--part', '2/7', '--output']
      const parts = changed(`other${flag}`, () => {})
      for (const resume of [[], ['--resume']]) {
        const { status, stderr } = await facekit([...part, parts, ...resume])
        expect([status, stderr]).toEqual([3, expect.stringMatching(/part 0\/7 is there, and for 2\/7 /)])
        expect(stderr).toMatch(difference)
      }
      const foreign = inFolder(`foreign${flag}`)
      await succeed(...part, foreign)
      for (const name of ['part_2_of_7.json', 'part_2_of_7.parquet'])
        cpSync(join(foreign, name), join(parts, name))
      await refused(parts, 'PART_OTHER', new RegExp(`of part 2/7 ${difference.source}`))
    }
  })

  it('of embeddings that were made anew are refused before they are joined', async () => {
    const [input, edges] = [inFolder('renewed'), inFolder('renewed-edges')]
    await writePeople(input, 500, 8)
    await succeed('search', '--input', input, '--output', edges, '--part', '0/2')
    await succeed('search', '--input', input, '--output', edges, '--part', '1/2')
    await writePeople(input, 500, 9)
    const before = contents(edges)
    const labels = ['label', '--input', input, '--edges', edges, '--output', inFolder('renewed-labels')]
    const { status, stderr } = await facekit(labels)
    expect([status, stderr]).toEqual([3, expect.stringMatching(/EDGES_OTHER/)])
    expect(contents(edges)).toEqual(before)
  })

  it('that come twice, or of another number of parts, are named', async () => {
    const twice = changed('twice', (folder) => {
      cpSync(join(folder, 'part_2_of_7.json'), join(folder, 'part_4_of_7.json'))
    })
    await refused(twice, 'PART_DAMAGED', /part_4_of_7\.json as its part made it but it is of part 2\/7/)
    const mixed = changed('mixed', (folder) => {
      const text = readFileSync(join(folder, 'part_2_of_7.json'), 'utf8').replace('"parts": 7', '"parts": 9')
      writeFileSync(join(folder, 'part_2_of_9.json'), text)
    })
    await refused(mixed, 'PART_OTHER', /2\/9 is there beside 0\/7/)
    const { status, stderr } = await facekit([
      'search',
      '--input',
      embeddings,
      '--output',
      complete,
      '--part',
      '0/8',
    ])
    expect([status, stderr]).toEqual([3, expect.stringMatching(/0\/7 is there, and 0\/8 is to be made/)])
  })

  it('that are cut, changed or of hostile receipts are named', async () => {
    const cut = changed('cut', (folder) => truncateSync(join(folder, 'part_5_of_7.parquet'), 100))
    await refused(cut, 'PART_DAMAGED', /part_5_of_7\.parquet .* it has 100 bytes of \d+/)
    const other = changed('bytes', (folder) => {
      const path = join(folder, 'part_5_of_7.parquet')
      const bytes = readFileSync(path)
      bytes[50]! ^= 1
      writeFileSync(path, bytes)
    })
    await refused(other, 'PART_DAMAGED', /part_5_of_7\.parquet .* its contents are others/)
    const gone = changed('gone', (folder) => rmSync(join(folder, 'part_5_of_7.parquet')))
    await refused(gone, 'PART_DAMAGED', /part_5_of_7\.parquet/)
    for (const [i, change] of [
      (text: string) => text.slice(0, 40),
      (text: string) => text.replace('"version": 1', '"version": 9'),
      (text: string) => text.replace('part_5_of_7.parquet', '../../etc/passwd'),
      (text: string) => text.replace(/"floor": [\d.]+/, '"floor": "low"'),
      () => '[]',
    ].entries()) {
      const hostile = changed(`hostile-${i}`, (folder) => {
        const path = join(folder, 'part_5_of_7.json')
        writeFileSync(path, change(readFileSync(path, 'utf8')))
      })
      await refused(hostile, i === 3 ? 'PART_OTHER' : 'PART_DAMAGED', /part_5_of_7\.json|of part 5\/7/)
    }
  })

  it('are not searched again where they are there, and parts that were joined neither', async () => {
    const parts = changed('again', () => {})
    const before = contents(parts)
    await search(parts, '--part', '3/7', '--resume')
    expect(contents(parts)).toEqual(before)
    expect((await label(parts, inFolder('again-labels'))).status).toBe(0)
    const joined = contents(parts)
    await search(parts, '--part', '3/7', '--resume')
    expect(contents(parts)).toEqual(joined)
  })

  it('that were left when a run died after it had joined them are removed', async () => {
    const parts = changed('left', () => {})
    await search(inFolder('one'))
    for (const name of ['edges.json', 'edges_0.parquet', '.facekit.json'])
      cpSync(inFolder('one', name), join(parts, name))
    await removeOutput(parts, 'edges', { number: 0, of: 7 })
    expect((await label(parts, inFolder('left-labels'))).status).toBe(0)
    expect(readdirSync(parts).filter((name) => name.endsWith('.json'))).not.toContain('part_1_of_7.json')
    expect(visible(parts)).toEqual(visible(inFolder('one')))
  })

  it('are joined whenever label is killed, by the next one', { timeout: 300_000 }, async () => {
    await search(inFolder('one'))
    const random = seededRandom(31)
    const stride = rounds(6, 1)
    for (let step = 1; ; step += 1 + Math.floor(random() * stride)) {
      const parts = changed(`label-killed-${step}`, () => {})
      const words = [
        'label',
        '--input',
        embeddings,
        '--edges',
        parts,
        '--save-groups',
        '0',
        '--output',
        `${parts}-labels`,
      ]
      const program = startWith(
        { FACEKIT_KILL_AT: String(step), NODE_OPTIONS: `--import ${KILL_AT}` },
        ...words,
      )
      const { status, stderr } = await outcomeOf(program)
      if (status !== 0) {
        expect(program.signalCode, stderr).toBe('SIGKILL')
        const again = await facekit(words)
        expect(again.status, again.stderr).toBe(0)
      }
      expect(visible(parts)).toEqual(visible(inFolder('one')))
      // A claim of one that died is nobody's.
      const left = readdirSync(parts).filter((name) => !/^\.facekit-(?:run|part_\d_of_7)$/.test(name))
      expect(left.sort()).toEqual(['.facekit.json', 'edges.json', 'edges_0.parquet'])
      if (status === 0) break
    }
  })

  it('are joined by one of several labels at once', async () => {
    await search(inFolder('one'))
    const parts = changed('at-once', () => {})
    const outcomes = await Promise.all(
      [0.5, 0.6, 0.7].map((threshold) =>
        builtFacekit(
          ['label', '--input', embeddings, '--edges', parts, '--save-groups', '0', '--cluster_thresh'].concat(
            String(threshold),
            '--output',
            `${parts}-${threshold}`,
          ),
        ),
      ),
    )
    for (const { status, stderr } of outcomes) expect(status, stderr).toBe(0)
    expect(visible(parts)).toEqual(visible(inFolder('one')))
  })

  it('are not covered by a whole search, nor by edges that are damaged', async () => {
    const parts = changed('whole-beside', () => {})
    const whole = await facekit(['search', '--input', embeddings, '--output', parts])
    expect([whole.status, whole.stderr]).toEqual([
      3,
      expect.stringMatching(/parts of them are there\. Give --part/),
    ])
    // Edges that were joined, and are damaged now, are made of new parts.
    expect((await label(parts, inFolder('whole-beside-labels'))).status).toBe(0)
    truncateSync(join(parts, 'edges_0.parquet'), 100)
    await search(parts, '--part', '0/2', '--resume')
    await search(parts, '--part', '1/2', '--resume')
    const refusal = await label(parts, inFolder('whole-beside-labels'))
    expect([refusal.status, refusal.stderr]).toEqual([
      3,
      expect.stringMatching(/edges_0\.parquet .*changed since/),
    ])
    rmSync(join(parts, 'edges_0.parquet'))
    expect((await label(parts, inFolder('whole-beside-labels'))).status).toBe(0)
    expect(visible(parts)).toEqual(visible(inFolder('one')))
  })

  it('of which a file was lost are made again', async () => {
    const parts = changed('lost', (folder) => rmSync(join(folder, 'part_3_of_7.parquet')))
    await search(parts, '--part', '3/7', '--resume')
    expect(visible(parts).get('part_3_of_7.parquet')).toBe(visible(complete).get('part_3_of_7.parquet'))
  })

  it('are said to be that by what wants edges', async () => {
    const { status, stderr } = await facekit(['thresholds', complete])
    expect([status, stderr]).toEqual([
      3,
      expect.stringContaining('parts of them, which are not joined yet: facekit label'),
    ])
  })

  it('go on after they were killed, with the same bytes', async () => {
    const parts = changed('killed', (folder) => {
      for (const name of readdirSync(folder).filter((one) => one.includes('part_3_of_7')))
        rmSync(join(folder, name))
    })
    const args = ['search', '--input', embeddings, '--output', parts, '--part', '3/7']
    for (let step = 1; ; step += 3) {
      const env = {
        FACEKIT_KILL_AT: String(step),
        FACEKIT_CHECKPOINT_MS: '0',
        NODE_OPTIONS: `--import ${KILL_AT}`,
      }
      const program = startWith(env, ...args, '--resume')
      const { status, stderr } = await outcomeOf(program)
      if (status === 0) break
      expect(program.signalCode, stderr).toBe('SIGKILL')
    }
    const receipt = (folder: string) => {
      const { seconds, ...rest } = JSON.parse(
        readFileSync(join(folder, 'part_3_of_7.json'), 'utf8'),
      ) as Record<string, unknown>
      expect(seconds).toBeGreaterThan(0)
      return rest
    }
    expect(receipt(parts)).toEqual(receipt(complete))
    expect(readFileSync(join(parts, 'part_3_of_7.parquet'))).toEqual(
      readFileSync(join(complete, 'part_3_of_7.parquet')),
    )
  })
})

it('embeddings in shards of any sizes have the same labels, byte for byte', async () => {
  const rows = 9000
  const labels = new Set<string>()
  for (const splitThreshold of [1_000_000, 1000, 2777]) {
    const input = inFolder(`cut-${splitThreshold}`)
    const people = new People(rows, 16)
    await pipeline(Readable.from(people.batches()), shardEmbeddings({ output: input, splitThreshold }))
    for (const method of ['components', 'communities']) {
      const output = inFolder(`cut-labels-${splitThreshold}-${method}`)
      await succeed(
        'cluster',
        '--input',
        input,
        '--output',
        output,
        '--save-groups',
        '0',
        '--method',
        method,
        '--cluster_thresh',
        '0.7',
      )
      labels.add(method + JSON.stringify([...visible(output)]))
    }
  }
  expect(labels.size).toBe(2)
})

/** What a run made, without the record of it. */
function visible(folder: string): Map<string, string> {
  const files = [...contents(folder)].filter(([name]) => !name.startsWith('.'))
  return new Map(files.map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]))
}

describe('--part', () => {
  const slurm = (id: string, count: string, min = '0', max = String(Number(count) - 1)) => ({
    SLURM_ARRAY_TASK_ID: id,
    SLURM_ARRAY_TASK_COUNT: count,
    SLURM_ARRAY_TASK_MIN: min,
    SLURM_ARRAY_TASK_MAX: max,
  })

  it.each([
    [{ part: '3/64' }, {}, { number: 3, of: 64 }],
    [{ part: '3', parts: 64 }, {}, { number: 3, of: 64 }],
    [{ part: '3/64', parts: 64 }, {}, { number: 3, of: 64 }],
    [{ part: 'auto' }, slurm('5', '64'), { number: 5, of: 64 }],
    [{ part: 'auto', parts: 64 }, slurm('17', '2', '3', '17'), { number: 17, of: 64 }],
    [{ part: 'auto', parts: 8 }, { JOB_COMPLETION_INDEX: '7' }, { number: 7, of: 8 }],
    [{}, slurm('5', '64'), undefined],
  ])('%j in %j is %j', (flags, env, expected) => {
    expect(partOf(flags, env)).toEqual(expected)
  })

  it.each([
    [{ part: '64/64' }, {}, /a part from 0 to 63 of 64 parts for --part but received 64\/64/],
    [{ part: '0/0' }, {}, /received 0\/0/],
    [{ part: '1/200000' }, {}, /up to 100000 parts/],
    [{ part: '3' }, {}, /a part such as 3\/64, or auto, for --part but received 3/],
    [{ part: '-1/3' }, {}, /received -1\/3/],
    [{ part: '3/64', parts: 32 }, {}, /disagree/],
    [{ parts: 64 }, {}, /--part beside --parts/],
    [{ part: 'auto' }, {}, /neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set/],
    [{ part: 'auto' }, { JOB_COMPLETION_INDEX: '3' }, /--parts beside --part auto/],
    [{ part: 'auto' }, slurm('3', '2', '3', '17'), /it has 2 tasks from 3 to 17: give --parts/],
    [{ part: 'auto' }, slurm('1', '64', '1', '64'), /give --parts/],
    [
      { part: 'auto', parts: 8 },
      { JOB_COMPLETION_INDEX: '8' },
      /from 0 to 7 of 8 parts for --part but received 8/,
    ],
  ])('%j in %j is refused', (flags, env, message) => {
    expect(() => partOf(flags, env)).toThrow(message)
  })
})
