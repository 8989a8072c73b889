import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { NpyWriter, readLabelRecords, shardEmbeddings } from '@facekit/io-npy'
import { evaluateClustering, readFollowed } from '@facekit/labels'
import { HardFaces } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EvaluateSummary } from '../src/evaluate/run.js'
import { writePeople } from './people.js'
import { facekit, temporaryFolder } from './program.js'

const REAL_EMBEDDINGS = fileURLToPath(new URL('../../../../shared/fixtures/embeddings/', import.meta.url))
const inFolder = temporaryFolder()
const embeddings = inFolder('embeddings')
const labels = inFolder('labels')
const ROWS = 1500
const DIM = 32
/** Every so many images are the one before once more. */
const COPY_EVERY = 50

const pathOf = (identity: number, row: number) => `/faces/person, ${identity}/${row}.jpg`
let identities: number[]

async function writeFaces(): Promise<void> {
  const faces = new HardFaces(ROWS, DIM, { seed: 5 })
  identities = [...faces.identities]
  for (let row = COPY_EVERY; row < ROWS; row += COPY_EVERY) {
    faces.embeddings.copyWithin(row * DIM, (row - 1) * DIM, row * DIM)
    identities[row] = identities[row - 1]!
  }
  const paths = identities.map(pathOf)
  const indices = Uint32Array.from(paths, (_, row) => row)
  await pipeline(
    Readable.from([{ indices, paths, embeddings: faces.embeddings, dim: DIM, normalized: true }]),
    shardEmbeddings({ output: embeddings }),
  )
}

async function cluster(input: string, output: string, ...flags: string[]): Promise<void> {
  const args = ['cluster', '--input', input, '--output', output, '--save-groups', '0', ...flags]
  const { status, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
}

async function summaryOf(...args: string[]): Promise<EvaluateSummary> {
  const { status, stdout, stderr } = await facekit(['evaluate', ...args, '--json'])
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as EvaluateSummary
}

async function failureOf(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await facekit(['evaluate', ...args])
  expect([status, stdout], stderr).toEqual([3, ''])
  return stderr
}

function file(name: string, text: string | Buffer): string {
  writeFileSync(inFolder(name), text)
  return inFolder(name)
}

async function npy(name: string, numbers: readonly number[]): Promise<string> {
  const writer = await NpyWriter.create(inFolder(name), { descr: '<i8' })
  await writer.append(new Uint8Array(BigInt64Array.from(numbers, BigInt).buffer))
  await writer.finish()
  return inFolder(name)
}

/** Classes of a data list and persons by their folders: of the images that stay. */
async function keptIn(folder: string): Promise<[classOf: string, person: string][]> {
  const name = readdirSync(folder).find((one) => one.endsWith('_data_list.npy'))!
  const pairs: [string, string][] = []
  for await (const records of readLabelRecords(join(folder, name)))
    for (const { folder: classOf, file_path } of records)
      pairs.push([classOf, file_path.split('/').slice(0, -1).join('/')])
  return pairs
}

/** Image by image, by the definitions: no table, no formula in common with what is tested. */
function independently(images: readonly (readonly [unknown, unknown])[]): Record<string, number> {
  const n = images.length
  const sum = {
    both: 0,
    ofClass: 0,
    ofPerson: 0,
    precision: 0,
    recall: 0,
    hT: 0,
    hP: 0,
    hTP: 0,
    hPT: 0,
    pure: 0,
  }
  for (const [oneClass, person] of images) {
    const others = new Map<unknown, number>()
    let [both, ofClass, ofPerson] = [0, 0, 0]
    for (const [otherClass, otherPerson] of images) {
      if (otherPerson === person) ofPerson++
      if (otherClass !== oneClass) continue
      ofClass++
      if (otherPerson === person) both++
      others.set(otherPerson, (others.get(otherPerson) ?? 0) + 1)
    }
    sum.both += both - 1
    sum.ofClass += ofClass - 1
    sum.ofPerson += ofPerson - 1
    sum.precision += both / ofClass
    sum.recall += both / ofPerson
    sum.hT -= Math.log(ofPerson / n)
    sum.hP -= Math.log(ofClass / n)
    sum.hTP -= Math.log(both / ofClass)
    sum.hPT -= Math.log(both / ofPerson)
    sum.pure += Math.max(...others.values()) / ofClass
  }
  return {
    pairwisePrecision: sum.both / sum.ofClass,
    pairwiseRecall: sum.both / sum.ofPerson,
    pairwiseF: (2 * sum.both) / (sum.ofClass + sum.ofPerson),
    bcubedPrecision: sum.precision / n,
    bcubedRecall: sum.recall / n,
    homogeneity: (sum.hT - sum.hTP) / sum.hT,
    completeness: (sum.hP - sum.hPT) / sum.hP,
    nmi: (2 * (sum.hT - sum.hTP)) / (sum.hT + sum.hP),
    vMeasure: (2 * (sum.hT - sum.hTP)) / (sum.hT + sum.hP),
    purity: sum.pure / n,
  }
}

function expectSame(found: EvaluateSummary, expected: Record<string, number>): void {
  const flat: Record<string, number> = {
    pairwisePrecision: found.pairwise.precision,
    pairwiseRecall: found.pairwise.recall,
    pairwiseF: found.pairwise.f,
    bcubedPrecision: found.bcubed.precision,
    bcubedRecall: found.bcubed.recall,
    homogeneity: found.homogeneity,
    completeness: found.completeness,
    nmi: found.nmi,
    vMeasure: found.vMeasure,
    purity: found.purity,
  }
  for (const [name, value] of Object.entries(expected)) expect(flat[name], name).toBeCloseTo(value, 12)
}

const MEASURES = ['pairwise', 'bcubed', 'homogeneity', 'completeness', 'vMeasure', 'nmi', 'purity'] as const

function measuresOf(summary: EvaluateSummary) {
  return Object.fromEntries(MEASURES.map((name) => [name, summary[name]]))
}

beforeAll(async () => {
  await writeFaces()
  await cluster(embeddings, labels, '--floor', '0.3', '--cluster-thresh', '0.6')
})

describe('facekit evaluate', () => {
  it('gives what counting image by image gives, without duplicates', async () => {
    const kept = await keptIn(labels)
    const found = await summaryOf(labels, '--truth', '/faces', '--truth-kind', 'folders', '--no-duplicates')
    expectSame(found, independently(kept))
    expect(found).toMatchObject({
      images: ROWS,
      compared: kept.length,
      duplicates: ROWS - kept.length,
      withoutClass: 0,
      withoutTruth: 0,
      classes: new Set(kept.map(([one]) => one)).size,
      identities: new Set(kept.map(([, person]) => person)).size,
    })
    expect(found.duplicates).toBeGreaterThan(20)
    expect(found.pairwise.precision).toBeLessThan(1)
    expect(found.pairwise.recall).toBeLessThan(1)
  })

  it('counts duplicates in the class of the image that stays', async () => {
    const images: [number, string][] = []
    for await (const { paths, classOf } of readFollowed(labels, { withPaths: true }))
      paths.forEach((path, i) => images.push([classOf[i]!, path.split('/')[2]!]))
    const found = await summaryOf(labels, '--truth', '/faces', '--truth-kind', 'folders')
    expectSame(found, independently(images))
    expect(found.compared).toBe(ROWS)
  })

  it('takes the same truth in every kind, told by its name', async () => {
    const sources = {
      csv: file(
        'truth.csv',
        identities
          .map((one, row) => `"${pathOf(one, row)}",${one}\n`)
          .toReversed()
          .join(''),
      ),
      meta: file('truth.meta', identities.map((one) => `${one}\n`).join('')),
      npy: await npy('truth.npy', identities),
    }
    const expected = await summaryOf(labels, '--truth', '/faces', '--truth-kind', 'folders')
    for (const [kind, truth] of Object.entries(sources)) {
      const found = await summaryOf(labels, '--truth', truth)
      expect(measuresOf(found), kind).toEqual(measuresOf(expected))
      expect(found.curve, kind).toEqual(expected.curve)
      expect(found.mixed.map(({ images, parts, mainImages }) => [images, parts, mainImages])).toEqual(
        expected.mixed.map(({ images, parts, mainImages }) => [images, parts, mainImages]),
      )
    }
  })

  it('judges a CSV, an NPY file, a .meta file, and labels by other labels', async () => {
    const other = inFolder('stricter')
    await cluster(embeddings, other, '--floor', '0.3', '--cluster-thresh', '0.75')
    const classes: number[] = []
    for await (const { classOf } of readFollowed(other)) classes.push(...classOf)
    const expected = measuresOf(await summaryOf(other, '--truth', labels))
    const mine: number[] = []
    for await (const { classOf } of readFollowed(labels)) mine.push(...classOf)
    expect(expected).toEqual(evaluateClustering(classes, mine))
    const judged = [
      await npy('classes.npy', classes),
      file('classes.meta', classes.join('\n')),
      file(
        'classes.csv',
        classes.map((one, row) => `"${pathOf(identities[row]!, row)}",c ${one}`).join('\n'),
      ),
    ]
    for (const one of judged)
      expect(measuresOf(await summaryOf(one, '--truth', labels)), one).toEqual(expected)
    expect(measuresOf(await summaryOf(labels, '--truth', other))['homogeneity']).toBe(
      expected['completeness'],
    )
  })

  it('leaves images without truth out, and says how many', async () => {
    const known = identities.flatMap((one, row) => (row % 3 === 0 ? [] : [`"${pathOf(one, row)}",${one}`]))
    const some = [`"${pathOf(identities[0]!, 0)}",`, `"${pathOf(identities[3]!, 3)}",-1`, 'elsewhere.jpg,7']
    const truth = file('some.csv', ['path,label', ...known, ...some].join('\n'))
    const { stderr, stdout } = await facekit(['evaluate', labels, '--truth', truth])
    expect(stderr).toContain('1,000 of 1,500 images compared')
    expect(stderr).toContain('500 have no truth, 1 of the truth are not in the labels')
    const byOrder = identities.map((one, row) => (row % 3 === 0 ? -1 : one))
    const inOrder = await facekit(['evaluate', labels, '--truth', await npy('some.npy', byOrder)])
    expect(inOrder.stdout).toBe(stdout)
  })

  it('takes a truth of the whole input where some images failed', async () => {
    const [failed, all] = [inFolder('failed'), inFolder('failed-labels')]
    // Images 0, 2, 3 of an input of five.
    const batch = {
      indices: Uint32Array.of(0, 2, 3),
      paths: ['a', 'c', 'd'],
      embeddings: Float32Array.of(1, 0, 0, 1, 0, 1),
      dim: 2,
      normalized: true,
    }
    await pipeline(Readable.from([batch]), shardEmbeddings({ output: failed }))
    await cluster(failed, all, '--no-remove-duplicates')
    const found = await summaryOf(all, '--truth', file('input.meta', '5\n6\n7\n7\n8\n'))
    expect(found).toMatchObject({ images: 3, compared: 3, notInLabels: 2, classes: 2, identities: 2, nmi: 1 })
    expect(await failureOf(all, '--truth', file('few.meta', '5\n6\n'))).toContain('[TRUTH_LENGTH]')
  })

  it('leaves images without a usable embedding out', async () => {
    const [broken, theirs] = [inFolder('broken'), inFolder('broken-labels')]
    const batch = {
      indices: Uint32Array.of(0, 1, 2),
      paths: ['a', 'b', 'c'],
      embeddings: Float32Array.of(1, 0, NaN, 1, 1, 0.1),
      dim: 2,
      normalized: false,
    }
    await pipeline(Readable.from([batch]), shardEmbeddings({ output: broken }))
    await cluster(broken, theirs, '--no-remove-duplicates')
    const found = await summaryOf(theirs, '--truth', file('three.meta', '0\n0\n0'))
    expect(found).toMatchObject({ images: 3, compared: 2, withoutClass: 1, withoutTruth: 0, classes: 1 })
    expect(found.curve![0]).toMatchObject({ classes: 1, pairs: 1 })
  })

  it('prints tables to stdout and talk to stderr', async () => {
    const images = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'c\x1b/1']
    const csv = file('judged.csv', images.map((image, i) => `x/${image},${i < 4 ? 'one' : 'two'}`).join('\n'))
    const { status, stdout, stderr } = await facekit([
      'evaluate',
      csv,
      '--truth',
      'x',
      '--truth-kind=folders',
    ])
    expect(status, stderr).toBe(0)
    // As scikit-learn gives them.
    expect(stdout).toBe(`\
measure                value
pairwise precision  0.428571
pairwise recall     0.750000
pairwise F          0.545455
BCubed precision    0.583333
BCubed recall       0.833333
BCubed F            0.686275
homogeneity         0.400893
completeness        0.637009
V-measure           0.492094
NMI                 0.492094
purity              0.666667

images  identities  of main  class  main identity
     4           2        3  one    a
     2           2        1  two    b

images  classes  in main  identity  main class
     2        2        1  b         one
`)
    expect(stderr).toContain('6 of 6 images compared, 2 classes with 3 identities; in ')
    const quiet = await facekit([
      'evaluate',
      csv,
      '--truth',
      'x',
      '--truth-kind=folders',
      '--quiet',
      '--worst=0',
    ])
    expect(quiet.stderr).toBe('')
    expect(quiet.stdout).toBe(stdout.split('\n\n')[0] + '\n')
  })

  it('shows what names hold as it is', async () => {
    const csv = file('hostile.csv', 'a,"x\x1b[2J"\nb,"x\x1b[2J"\nc,y')
    const { stdout } = await facekit(['evaluate', csv, '--truth', file('hostile.meta', '0\n1\n1')])
    expect(stdout).toContain('x\\x1b[2J')
    expect(stdout).not.toContain('\x1b')
  })

  it('takes no images', async () => {
    const found = await summaryOf(file('none.csv', ''), '--truth', file('none.meta', ''))
    expect(found).toMatchObject({ images: 0, compared: 0, classes: 0, nmi: 1, purity: 1 })
  })
})

describe('the curve of evaluate', () => {
  it.each([0.3, 0.5, 0.7, 1])('has at %f what clustering there gives', async (threshold) => {
    const { curve } = await summaryOf(labels, '--truth', '/faces', '--truth-kind', 'folders')
    const there = inFolder(`at-${threshold}`)
    await cluster(embeddings, there, '--no-remove-duplicates', '--cluster-thresh', String(threshold))
    const expected = independently(await keptIn(there))
    const point = curve!.find((one) => one.threshold === threshold)!
    expect(point.pairwise.precision).toBeCloseTo(expected['pairwisePrecision']!, 12)
    expect(point.pairwise.recall).toBeCloseTo(expected['pairwiseRecall']!, 12)
    expect(point.bcubed.precision).toBeCloseTo(expected['bcubedPrecision']!, 12)
    expect(point.bcubed.recall).toBeCloseTo(expected['bcubedRecall']!, 12)
  })

  it('is of the embeddings of the labels', async () => {
    const [other, edges] = [inFolder('others'), inFolder('other-edges')]
    await writePeople(other, ROWS, 8)
    const searched = await facekit(['search', '--input', other, '--output', edges])
    expect(searched.status, searched.stderr).toBe(0)
    const truth = ['--truth', '/faces', '--truth-kind', 'folders', '--edges', edges]
    const refused = await facekit(['evaluate', labels, ...truth])
    expect([refused.status, refused.stderr]).toEqual([
      3,
      expect.stringMatching(/of other embeddings.*EDGES_OTHER/),
    ])
  })

  it('names the lowest threshold for a precision', async () => {
    const truth = ['--truth', '/faces', '--truth-kind', 'folders', '--step', '0.05']
    const { curve, forPrecision } = await summaryOf(labels, ...truth, '--for-precision', '0.99')
    expect(curve!.map(({ threshold }) => threshold)).toEqual(
      Array.from({ length: 15 }, (_, i) => Number((0.3 + 0.05 * i).toFixed(2))),
    )
    const expected = curve!.find(({ pairwise }) => pairwise.precision >= 0.99)!
    expect(forPrecision).toEqual(expected)
    expect(expected.threshold).toBeGreaterThan(0.3)
    const { stdout, stderr } = await facekit(['evaluate', labels, ...truth, '--for-precision', '0.99'])
    expect(stderr).toContain(
      `--cluster-thresh ${expected.threshold} is the lowest with a pairwise precision of 0.99: `,
    )
    expect(stderr).toContain(`with a recall of ${expected.pairwise.recall.toFixed(4)}`)
    expect(stdout).toMatch(/\n\nthreshold {2}classes {2}pairwise P .*\n {5}0\.30 /)
  })

  it('says so where no threshold gives a precision: where nothing is joined, nothing is precise', async () => {
    // Each image is a person of its own: what is joined is wrong.
    const truth = await npy(
      'alone.npy',
      identities.map((_, row) => row),
    )
    const { status, stderr } = await facekit(['evaluate', labels, '--truth', truth, '--for-precision', '0.5'])
    expect(status).toBe(0)
    expect(stderr).toContain('No threshold of the curve gives a pairwise precision of 0.5')
    expect((await summaryOf(labels, '--truth', truth, '--for-precision', '0.5')).forPrecision).toBeNull()
  })

  it('is none where there are no edges, and is taken from --edges', async () => {
    const kinds = ['--truth', '/faces', '--truth-kind', 'folders']
    const classes = file('bare.csv', identities.map((one, row) => `"${pathOf(one, row)}",1`).join('\n'))
    expect((await summaryOf(classes, ...kinds)).curve).toBeUndefined()
    const { curve } = await summaryOf(classes, ...kinds, '--edges', join(labels, 'edges'))
    expect(curve).toEqual((await summaryOf(labels, ...kinds)).curve)
    const { status, stderr } = await facekit(['evaluate', classes, ...kinds, '--for-precision', '0.9'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('--edges')])
  })

  it('refuses edges of others, and a folder without any', async () => {
    const few = file('one.csv', '/faces/a/1.jpg,1')
    const truth = ['--truth', '/faces', '--truth-kind', 'folders']
    expect(await failureOf(few, ...truth, '--edges', join(labels, 'edges'))).toContain('[EDGES_OTHER]')
    expect(await failureOf(labels, ...truth, '--edges', embeddings)).toContain('[EDGES_FOLDER]')
  })
})

describe('truth that cannot be used', () => {
  const judged = () => file('judged.meta', '0\n0\n1\n')

  it.each<[string, string, string, string]>([
    ['a label that is no number', 'bad.meta', '0\nx\n1\n', 'line 2 of'],
    ['a blank line', 'blank.meta', '0\n\n1\n', 'line 2 of'],
    ['a number below -1', 'below.meta', '0\n1\n-2\n', 'line 3 of'],
    ['a fraction', 'fraction.meta', '0\n1.5\n1\n', 'line 2 of'],
    ['a line without a label', 'short.csv', 'path,label\na\n', 'line 2 of'],
    ['a line with too many', 'long.csv', 'a,1\nb,c,1\n', 'line 2 of'],
    ['a line without a path', 'no-path.csv', 'a,1\n,1\n', 'line 2 of'],
    ['text behind a quote', 'behind.csv', 'a,1\n"b"c,1\n', 'line 2 of'],
    ['a quote that is not closed', 'open.csv', 'a,1\n"b,1\nc,1\n', 'line 2 of'],
  ])('%s is refused by its line', async (_case, name, text, line) => {
    const stderr = await failureOf(judged(), '--truth', file(name, text))
    expect(stderr).toContain(`${line} ${inFolder(name)}`)
    expect(stderr).toContain('[TRUTH_LINE]')
  })

  it('is refused where it is of another number of images', async () => {
    const stderr = await failureOf(judged(), '--truth', file('two.meta', '0\n1\n'))
    expect(stderr).toContain('the truth of 3 images')
    expect(stderr).toContain('there is that of 2')
    expect(stderr).toContain('[TRUTH_LENGTH]')
    expect(await failureOf(judged(), '--truth', file('four.meta', '0\n1\n1\n1\n'))).toContain(
      '[TRUTH_LENGTH]',
    )
  })

  it('is refused where an image comes twice', async () => {
    const stderr = await failureOf(labels, '--truth', file('twice.csv', 'path,label\na,1\nb,1\n"a",2\n'))
    expect(stderr).toContain(`a comes again in line 4 of ${inFolder('twice.csv')}`)
    expect(stderr).toContain('[TRUTH_DUPLICATE]')
    const judgedTwice = await failureOf(inFolder('twice.csv'), '--truth', file('once.csv', 'a,1\nb,1\n'))
    expect(judgedTwice).toContain(`a comes again in line 4 of ${inFolder('twice.csv')}`)
  })

  it('may name an image once that the labels have twice', async () => {
    const [twice, theirs] = [inFolder('list-twice'), inFolder('list-twice-labels')]
    const batch = {
      indices: Uint32Array.of(0, 1),
      paths: ['a', 'a'],
      embeddings: Float32Array.of(1, 0, 1, 0),
      dim: 2,
      normalized: true,
    }
    await pipeline(Readable.from([batch]), shardEmbeddings({ output: twice }))
    await cluster(twice, theirs)
    const found = await summaryOf(theirs, '--truth', file('a.csv', 'a,1\n'))
    expect(found).toMatchObject({ images: 2, compared: 2, duplicates: 1, nmi: 1 })
  })

  it('is refused where it is of other images', async () => {
    expect(await failureOf(labels, '--truth', file('others.csv', 'a,1\nb,1\n'))).toContain('[TRUTH_MATCH]')
    mkdirSync(inFolder('empty'), { recursive: true })
    expect(await failureOf(labels, '--truth', inFolder('empty'))).toContain('[TRUTH_MATCH]')
  })

  it('is refused where it is by folders, and there are no paths', async () => {
    const stderr = await failureOf(judged(), '--truth', inFolder('empty'))
    expect(stderr).toContain('[TRUTH_PATHS]')
  })

  it('is refused where its kind is not told', async () => {
    const unknown = file('truth.txt', '0\n0\n1\n')
    const stderr = await failureOf(judged(), '--truth', unknown)
    expect(stderr).toContain(unknown)
    expect(stderr).toContain('[TRUTH_KIND]')
    expect(await summaryOf(judged(), '--truth', unknown, '--truth-kind', 'meta')).toMatchObject({ nmi: 1 })
    expect(await failureOf(embeddings, '--truth', unknown, '--truth-kind', 'meta')).toContain('[TRUTH_KIND]')
  })

  it('is refused where it is not there, or is no text, or is of no integers', async () => {
    expect(await failureOf(judged(), '--truth', inFolder('nowhere.csv'))).toContain('[TRUTH_FILE]')
    const bytes = file('latin1.csv', Buffer.from('ä,1\n', 'latin1'))
    expect(await failureOf(judged(), '--truth', bytes)).toContain('it is no UTF-8')
    const noText = file('binary.csv', Buffer.alloc(200_000, 'x'))
    expect(await failureOf(judged(), '--truth', noText)).toContain('[TRUTH_FILE]')
    const floats = join(embeddings, 'final_embs_norm.npy')
    expect(await failureOf(judged(), '--truth', floats)).toContain('[NPY_SHAPE]')
    const names = join(embeddings, 'final_fpaths.npy')
    expect(await failureOf(judged(), '--truth', names)).toContain('[NPY_DTYPE]')
  })

  it.each(['0', '1.01', 'x'])('refuses --for-precision %s', async (value) => {
    const { status, stderr } = await facekit([
      'evaluate',
      'x.csv',
      '--truth',
      'y.csv',
      '--for-precision',
      value,
    ])
    expect(status).toBe(2)
    expect(stderr).toContain('--for-precision')
  })
})

describe.skipIf(!existsSync(REAL_EMBEDDINGS))('real faces', () => {
  it.each(['mobilefacenet-128', 'weak-128'])(
    'under %s are judged as image by image',
    async (model) => {
      const output = inFolder(model)
      await cluster(`${REAL_EMBEDDINGS}${model}`, output, '--floor', '0.4', '--cluster-thresh', '0.6')
      const kept = await keptIn(output)
      // Below any folder that all are in, the folder of an image is the person.
      const root = kept[0]![1].startsWith('/') ? '/' : '.'
      const folders = ['--truth', root, '--truth-kind', 'folders']
      expectSame(await summaryOf(output, ...folders, '--no-duplicates'), independently(kept))
    },
    60_000,
  )
})
