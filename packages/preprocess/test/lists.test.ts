import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { rounds, seededRandom } from '@facekit/testing'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fieldsOf } from '../src/columns.js'
import { linesOf } from '../src/lines.js'
import { checkInput, imageList, preprocess, type PassedOver } from '../src/index.js'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'facekit-lists-')))
afterAll(() => rmSync(folder, { recursive: true }))

/** Names that are read as they are, and not as what they look like. */
const ODD_NAMES = [' a.png', "'a.png'", '"a.png"', '# a.png', '~', 'a.png 3', 'b,c.png', 'a.png ']
const ORDINARY = ['a.png', 'sub dir/b c.png', 'größe.png']

let picture: Buffer
beforeAll(async () => {
  picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#777' } })
    .png()
    .toBuffer()
  mkdirSync(join(folder, 'plain/sub dir'), { recursive: true })
  mkdirSync(join(folder, 'odd'))
  for (const name of ORDINARY) writeFileSync(join(folder, 'plain', name), picture)
  for (const name of ['a.png', ...ODD_NAMES]) writeFileSync(join(folder, 'odd', name), picture)
})

/** What a list in a folder gives: paths from that folder on, and reasons by line. */
async function read(
  content: string | Buffer,
  { column, at = 'plain' }: { column?: number; at?: string } = {},
) {
  const path = join(folder, at, 'list')
  writeFileSync(path, content)
  let lines: PassedOver['lines'] | undefined
  const list = imageList(path, { batchSize: 3, column, onPassedOver: (what) => (lines = what.lines) })
  const batches = await list.pipe(preprocess({ width: 8, height: 8, workers: 2 })).toArray()
  const short = (name: string) => name.replace(join(folder, at, '/'), '')
  return {
    indices: batches.flatMap(({ indices }) => [...indices]),
    paths: batches.flatMap(({ paths }) => paths.map(short)),
    failed: batches.flatMap(({ failed }) =>
      failed.map(({ index, path: name, reason }) => [index, short(name), reason]),
    ),
    lines: lines?.kinds,
  }
}

const utf16 = (text: string, swapped: boolean) => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
  return swapped ? bytes.swap16() : bytes
}

describe('a list', () => {
  it.each([
    ['UTF-16, little-endian', utf16(ORDINARY.join('\r\n'), false)],
    ['UTF-16, big-endian', utf16(`${ORDINARY.join('\n')}\n`, true)],
    ['ended by NULs', `${ORDINARY.join('\0')}\0`],
    ['ended by NULs but for the last', ORDINARY.join('\0')],
    ['blanks around paths', ORDINARY.map((name) => `\t ${name}  `).join('\r\n')],
    ['quotes around paths', ORDINARY.map((name, i) => (i ? ` "${name}"` : `'${name}'`)).join('\n')],
    ['comments', `# faces\n${ORDINARY.join('\n#\n')}`],
    ['file: URLs', () => ORDINARY.map((name) => pathToFileURL(join(folder, 'plain', name)).href).join('\n')],
  ])('of %s is read', async (_what, content) => {
    const { paths, failed } = await read(typeof content === 'function' ? content() : content)
    expect(failed).toEqual([])
    expect(paths).toEqual(ORDINARY)
  })

  it('takes ~/ for the home of the user', async () => {
    const inHome = mkdtempSync(join(homedir(), '.facekit-home-'))
    try {
      writeFileSync(join(inHome, 'a.png'), picture)
      expect((await read(`~/${basename(inHome)}/a.png`)).paths).toEqual([join(inHome, 'a.png')])
    } finally {
      rmSync(inHome, { recursive: true })
    }
  })

  it('names what is called exactly so, whatever it looks like', async () => {
    expect(await read(ODD_NAMES.join('\n'), { at: 'odd' })).toMatchObject({
      paths: ODD_NAMES,
      failed: [],
      lines: [],
    })
    writeFileSync(join(folder, 'odd', 'two\nlines.png'), picture)
    expect((await read('a.png\0two\nlines.png\0', { at: 'odd' })).paths).toEqual(['a.png', 'two\nlines.png'])
  })

  it('does not count comments, and says how many there were', async () => {
    const { indices, failed, lines } = await read('# one\na.png\n#two.png\nmissing.png\na.png\n')
    expect(indices).toEqual([0, 2])
    expect(failed).toEqual([[1, 'missing.png', 'no such file']])
    expect(lines).toEqual([{ kind: 'comment', count: 2 }])
  })

  it('says what its lines are that name no file', async () => {
    const lines: [string, string][] = [
      ['https://host/a.png', 'a URL, which is not read: download the images first'],
      ['s3://bucket/a.png', 'a URL, which is not read: download the images first'],
      ['a.png 3', 'no such file, but column 1 of the line is one: give --list-column 1'],
      ['a.png\t3', 'no such file, but column 1 of the line is one: give --list-column 1'],
      ['0\t3.0\ta.png', 'no such file, but column 3 of the line is one: give --list-column 3'],
      ['7,"a.png",3', 'no such file, but column 2 of the line is one: give --list-column 2'],
      [
        'sub dir/b c.png 3',
        'no such file, but without its last field the line is one: separate fields by a TAB, and give --list-column 1',
      ],
      ['nothing here', 'no such file'],
    ]
    const { failed } = await read(lines.map(([line]) => line).join('\n'))
    expect(failed).toEqual(lines.map(([line, reason], i) => [i, line, reason]))
    const latin1 = Buffer.from('gr\xf6\xdfe.png\n', 'latin1')
    expect((await read(latin1)).failed).toEqual([
      [0, 'gr\ufffd\ufffde.png', 'no such file: the line is not UTF-8'],
    ])
  })

  it('says that relative paths are meant from its folder where they are there from the working directory', async () => {
    const { failed } = await read('package.json\n')
    expect(failed).toEqual([
      [
        0,
        'package.json',
        'no such file, but there is one from the working directory: paths are meant from the folder of the list',
      ],
    ])
  })

  it.each([
    ['path label', 'a.png 3\n# of\n größe.png  4\n"sub dir/b c.png" 5', 1, []],
    ['path TAB label', 'a.png\t3\nsub dir/b c.png\t4\ngröße.png\t5', 1, []],
    ['MXNet', '0\t3.000000\ta.png\n1\t4.000000\tsub dir/b c.png\n2\t4.000000\tgröße.png', 3, []],
    [
      'CSV with a header',
      'label,path\r\n3,a.png\r\n4,"sub dir/b c.png"\r\n5,größe.png\r\n',
      2,
      [{ kind: 'header', count: 1 }],
    ],
    [
      'CSV of a data frame',
      ',path\n0,a.png\n1,sub dir/b c.png\n2,größe.png',
      2,
      [{ kind: 'header', count: 1 }],
    ],
  ])('of columns is read by a column: %s', async (_what, content, column, passedOver) => {
    const { indices, paths, failed, lines } = await read(content, { column })
    expect(failed).toEqual([])
    expect([...paths].sort()).toEqual([...ORDINARY].sort())
    expect(indices).toEqual([0, 1, 2])
    expect(lines?.filter(({ kind }) => kind === 'header')).toEqual(passedOver)
  })

  it('has a failed line where that lacks the column', async () => {
    const { indices, failed } = await read('0\ta.png\n1\n2\ta.png\n3\t\n', { column: 2 })
    expect(indices).toEqual([0, 2])
    expect(failed).toEqual([
      [1, '1', 'a line without a path in column 2'],
      [3, '3\t', 'a line without a path in column 2'],
    ])
  })

  it('is not what a folder is: a column is refused', async () => {
    await expect(checkInput(folder, 1)).rejects.toMatchObject({ code: 'INPUT_LIST' })
    await expect(imageList(folder, { batchSize: 1, column: 1 }).toArray()).rejects.toThrow(/--list-column/)
    expect(() => imageList(folder, { batchSize: 1, column: 0 })).toThrow(/positive integer for column/)
  })

  it('without a byte order mark is refused where it is UTF-16', async () => {
    for (const text of ['a.png\r\nb.png\r\n', 'a.png\nb.png\n']) {
      const bytes = Buffer.from(text, 'utf16le')
      for (const content of [bytes, Buffer.from(bytes).swap16()]) {
        const path = join(folder, 'utf16')
        writeFileSync(path, content)
        const reading = imageList(path, { batchSize: 1 }).toArray()
        await expect(reading).rejects.toMatchObject({
          code: 'INPUT_LIST',
          message: expect.stringContaining(path),
        })
      }
    }
  })

  it('from a pipe, or a file that the shell opened, has paths from the working directory', async () => {
    const pathsOf = async (input: string) =>
      (await imageList(input, { batchSize: 9 }).toArray()).flatMap(({ paths }) => paths)
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    spawn('sh', ['-c', 'echo a.png > "$0"', pipe])
    expect(await pathsOf(pipe)).toEqual([join(process.cwd(), 'a.png')])
    writeFileSync(join(folder, 'list'), 'a.png\n')
    expect(await pathsOf(join(folder, 'list'))).toEqual([join(folder, 'a.png')])
    const file = openSync(join(folder, 'list'), 'r')
    expect(await pathsOf(`/dev/fd/${file}`)).toEqual([join(process.cwd(), 'a.png')])
    closeSync(file)
  })
})

describe('linesOf', () => {
  it('gives the same lines in every encoding, however the bytes are cut', async () => {
    const random = seededRandom(31)
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
    const characters = ['a', '/', ' ', '"', '#', 'ö', '\u4e00', '😀', '\u0a0a', '\u0d0d', '\u0100']
    const line = () => `x${Array.from({ length: Math.floor(random() * 9) }, () => pick(characters)).join('')}`
    for (let round = 0; round < rounds(300, 20_000); round++) {
      const lines = Array.from({ length: Math.floor(random() * 6) }, line)
      const end = pick(['\n', '\r\n', '\0'])
      const text = lines.join(end) + pick(['', lines.length > 0 ? end : ''])
      const bytes = pick([
        Buffer.from(text),
        Buffer.from(`\ufeff${text}`),
        utf16(text, false),
        utf16(text, true),
      ])
      const chunks = function* () {
        for (let at = 0, size = 0; at < bytes.length; at += size)
          yield bytes.subarray(at, at + (size = 1 + Math.floor(random() * 12)))
      }
      const found: string[] = []
      for await (const some of linesOf(Readable.from(chunks()), 'list')) found.push(...some)
      expect(found.filter((one) => one !== '')).toEqual(lines)
    }
  })
})

describe('fieldsOf', () => {
  it('takes apart what CSV puts together', () => {
    const random = seededRandom(12)
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
    for (let round = 0; round < rounds(300, 30_000); round++) {
      const separator = pick(['\t', ',', ' '] as const)
      const value = () =>
        Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
          pick(['a', '"', ' ', ',', '\t', '/']),
        ).join('')
      const fields = Array.from({ length: 1 + Math.floor(random() * 5) }, value)
      const line = fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(separator)
      expect(fieldsOf(line, separator)).toEqual(fields)
    }
  })

  it('keeps empty fields, but for blanks, and quotes that enclose nothing whole', () => {
    expect(fieldsOf(',a,,b,')).toEqual(['', 'a', '', 'b', ''])
    expect(fieldsOf('\ta')).toEqual(['', 'a'])
    expect(fieldsOf('  a   b ')).toEqual(['a', 'b'])
    expect(fieldsOf('"a"b,c')).toEqual(['"a"b', 'c'])
    expect(fieldsOf('')).toEqual([''])
  })
})
