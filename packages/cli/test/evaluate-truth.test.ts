import { writeFileSync } from 'node:fs'
import { NO_CLASS } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { openLabels } from '../src/evaluate/label-source.js'
import { TextIndex } from '../src/evaluate/text-index.js'
import { FolderTruth } from '../src/evaluate/truth.js'
import { temporaryFolder } from './program.js'

const inFolder = temporaryFolder()

async function readCsv(text: string | Buffer): Promise<[path: string, label: string | undefined][]> {
  const file = inFolder('truth.csv')
  writeFileSync(file, text)
  const source = openLabels('csv', file)
  const rows: [string, string | undefined][] = []
  for await (const { paths, labels } of source.batches())
    paths!.forEach((path, i) =>
      rows.push([path, labels[i] === NO_CLASS ? undefined : source.nameOf(labels[i]!)]),
    )
  return rows
}

describe('a CSV of path,label', () => {
  it.each<[string, string, [string, string | undefined][]]>([
    [
      'plain',
      'a.jpg,1\nb.jpg,2\n',
      [
        ['a.jpg', '1'],
        ['b.jpg', '2'],
      ],
    ],
    [
      'without an end of the last line',
      'a,1\nb,2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['with a header', 'path,label\na,1\n', [['a', '1']]],
    ['with a header in quotes and capitals', '"Path","Label"\na,1\n', [['a', '1']]],
    ['with a byte order mark and a header', '\uFEFFpath,label\r\na,1\r\n', [['a', '1']]],
    ['with a byte order mark and none', '\uFEFFa,1\n', [['a', '1']]],
    [
      'with CRLF',
      'a,1\r\nb,2\r\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'with blank lines',
      '\n\na,1\n\r\n\nb,2\n\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'with commas in quotes',
      '"a,b.jpg",1\n"c","2,3"\n',
      [
        ['a,b.jpg', '1'],
        ['c', '2,3'],
      ],
    ],
    [
      'with quotes in quotes',
      '"a ""b"".jpg",1\n"""",2\n',
      [
        ['a "b".jpg', '1'],
        ['"', '2'],
      ],
    ],
    ['with quotes in the middle', 'a"b".jpg,1\n', [['a"b".jpg', '1']]],
    [
      'with ends of lines in quotes',
      '"a\nb",1\r\n"c\n\n,d",2\n',
      [
        ['a\nb', '1'],
        ['c\n\n,d', '2'],
      ],
    ],
    ['with blanks', ' a b ,  1 \n', [[' a b ', '1']]],
    ['with no labels', 'a,\nb,-1\nc,""\nd, \n', ['a', 'b', 'c', 'd'].map((path) => [path, undefined])],
    [
      'with labels alike',
      'a,1\nb,01\nc,1\n',
      [
        ['a', '1'],
        ['b', '01'],
        ['c', '1'],
      ],
    ],
    [
      'of any characters',
      'ä/人.jpg,Ж\n🙂,"🙂"\n',
      [
        ['ä/人.jpg', 'Ж'],
        ['🙂', '🙂'],
      ],
    ],
    ['of a header alone', 'path,label\n', []],
    ['empty', '', []],
  ])('is read %s', async (_case, text, rows) => {
    expect(await readCsv(text)).toEqual(rows)
  })

  it('is what was written, on random fields across many chunks', async () => {
    const random = seededRandom(61)
    const characters = ['a', 'b', '"', ',', '\n', ' ', 'é', '🙂', '/', 'path', 'label']
    const text = () =>
      Array.from(
        { length: 1 + Math.floor(random() * 12) },
        () => characters[Math.floor(random() * characters.length)],
      ).join('')
    for (let round = 0; round < rounds(3, 100); round++) {
      const written = Array.from({ length: 20_000 }, (_, i): [string, string] => [
        `${i}${text()}`,
        `x${i % 100}`,
      ])
      const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
      const lines = written.map(
        ([path, label]) => `${quoted(path)},${random() < 0.5 ? label : quoted(label)}`,
      )
      expect(await readCsv(lines.join('\n'))).toEqual(written)
    }
  })
})

describe('the folder that an image is in', () => {
  const nameIn = (root: string, path: string) => {
    const truth = new FolderTruth(root)
    const label = truth.labelOf(path)
    return label === NO_CLASS ? undefined : truth.nameOf(label)
  }

  it.each([
    ['/faces', '/faces/ada/1.jpg', 'ada'],
    ['/faces/', '/faces/ada/1.jpg', 'ada'],
    ['faces', 'faces/ada/1.jpg', 'ada'],
    ['./faces', 'faces/ada/1.jpg', 'ada'],
    ['faces', './faces//ada/./1.jpg', 'ada'],
    ['faces', `${process.cwd()}/faces/ada/1.jpg`, 'ada'],
    ['faces', 'faces/bob/../ada/1.jpg', 'ada'],
    ['/faces', '/faces//ada/1.jpg', 'ada'],
    ['/', '/ada/1.jpg', 'ada'],
    ['.', 'ada/1.jpg', 'ada'],
    ['/faces', '/faces/train/ada/1.jpg', 'train/ada'],
    ['/faces', '/faces/.ada/1.jpg', '.ada'],
    ['/faces', '/faces/..ada/1.jpg', '..ada'],
    ['/faces', '/faces/1.jpg', undefined],
    ['/faces', '/faces2/ada/1.jpg', undefined],
    ['/faces', '/1.jpg', undefined],
    ['/faces/ada', '/faces/bob/1.jpg', undefined],
  ])('below %s, of %s', (root, path, expected) => {
    expect(nameIn(root, path)).toBe(expected)
  })

  it('is told of relative paths from where labels were made', () => {
    const truth = new FolderTruth('/data/faces', '/data')
    expect(truth.nameOf(truth.labelOf('faces/ada/1.jpg'))).toBe('ada')
    expect(truth.nameOf(truth.labelOf('/data/faces/ada/2.jpg'))).toBe('ada')
    expect(truth.labelOf('/data/others/ada/2.jpg')).toBe(NO_CLASS)
  })

  it('is the same for all of its images', () => {
    const truth = new FolderTruth('/faces')
    const labels = ['/faces/a/1', '/faces/b/1', '/faces/a/2'].map((path) => truth.labelOf(path))
    expect(labels).toEqual([0, 1, 0])
  })
})

describe('TextIndex', () => {
  it('numbers texts that are hardly different', () => {
    const index = new TextIndex()
    const paths = Array.from({ length: 300_000 }, (_, i) => `/faces/person_${i % 1000}/${i}.jpg`)
    expect(paths.findIndex((path, i) => index.add(path) !== i)).toBe(-1)
    expect(paths.findIndex((path, i) => index.find(path) !== i)).toBe(-1)
    expect([index.size, index.add(paths[7]!), index.find('/faces/person_0/1.jpg'), index.find('')]).toEqual([
      300_000, 7, -1, -1,
    ])
  })
})
