import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { PendingFiles } from '../src/index.js'

/** Built: other processes take their code from here. */
const MAIN = new URL('../dist/index.js', import.meta.url).href

const root = mkdtempSync(join(tmpdir(), 'facekit-core-'))
afterAll(() => rmSync(root, { recursive: true }))

let output: string
beforeEach(() => {
  output = mkdtempSync(join(root, 'output-'))
})
const visible = () => readdirSync(output).filter((name) => !name.startsWith('.'))

describe('PendingFiles', () => {
  it('shows files and folders only at commit, files in place of those that were there', async () => {
    writeFileSync(join(output, 'a.txt'), 'old')

    const pending = await PendingFiles.in(output)
    await writeFile(pending.path('a.txt'), 'new')
    await mkdir(pending.path('group'))
    await writeFile(join(pending.path('group'), 'new.png'), 'new')
    await writeFile(pending.scratchPath('spool'), 'scratch')
    expect(readFileSync(join(output, 'a.txt'), 'utf8')).toBe('old')
    expect(visible()).toEqual(['a.txt'])

    await pending.commit()
    expect(readFileSync(join(output, 'a.txt'), 'utf8')).toBe('new')
    expect(readdirSync(join(output, 'group'))).toEqual(['new.png'])
    expect(readdirSync(output).toSorted()).toEqual(['a.txt', 'group'])
  })

  it('leaves nothing when discarded, and the folder is made where it is missing', async () => {
    output = join(output, 'not', 'yet')
    const pending = await PendingFiles.in(output)
    await writeFile(pending.path('a.txt'), 'half')
    expect(visible()).toEqual([])
    await pending.discard()
    expect(readdirSync(output)).toEqual([])
  })

  it('keeps the files of two writers of one folder apart', async () => {
    const [one, other] = await Promise.all([PendingFiles.in(output), PendingFiles.in(output)])
    await writeFile(one.path('a.txt'), 'one')
    await writeFile(other.path('b.txt'), 'other')
    await one.commit()
    expect(visible()).toEqual(['a.txt'])
    await other.commit()
    expect(visible().toSorted()).toEqual(['a.txt', 'b.txt'])
  })

  it('says which folder it cannot write to', async () => {
    const file = join(output, 'file')
    writeFileSync(file, '')
    await expect(PendingFiles.in(file)).rejects.toMatchObject({
      code: 'OUTPUT_FOLDER',
      message: expect.stringContaining(`Expected a folder to write to at ${file}`) as string,
    })
  })

  it('says so, and does not turn in a circle, where a folder takes no other into it', () => {
    const script = `const { PendingFiles } = await import(${JSON.stringify(MAIN)})
      await PendingFiles.in('/proc/facekit/output').catch((error) => console.log(error.code))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 10_000,
      killSignal: 'SIGKILL',
    })
    expect(stdout).toBe('OUTPUT_FOLDER\n')
  })

  it('refuses an empty name for a folder', async () => {
    await expect(PendingFiles.in('')).rejects.toMatchObject({ code: 'OPTION' })
  })
})

let runs = 0
beforeEach(() => {
  runs = 0
})

/** Makes files, and folders of files, by their names; returns what `commit` removed. */
async function make(names: Record<string, readonly string[] | 'file'>, supersede = true): Promise<string[]> {
  const pending = await PendingFiles.in(output, { supersede })
  runs++
  try {
    for (const [name, content] of Object.entries(names)) {
      const path = pending.path(name)
      if (content === 'file') writeFileSync(path, `${name} of run ${runs}`)
      else {
        mkdirSync(path)
        for (const file of content) writeFileSync(join(path, file), '')
      }
    }
    return await pending.commit()
  } finally {
    await pending.discard()
  }
}

/** Everything in the output, hidden files left out. */
function contents(): string[] {
  const paths = readdirSync(output, { recursive: true, encoding: 'utf8' })
  return paths.filter((path) => !path.startsWith('.')).toSorted()
}

describe('a folder in the way', () => {
  it.each([
    ['is not ours', 'theirs', 'folder', 'is a folder that facekit did not make'],
    ['is not ours, for a file', 'theirs', 'file', 'is a folder that facekit did not make'],
    ['holds more than ours', 'ours', 'folder', 'holds notes.txt, which facekit did not make'],
    ['is a file', 'file', 'folder', 'is no folder'],
    ['is a link', 'link', 'folder', 'is no folder'],
  ] as const)('%s: it stays, and nothing is moved', async (_case, inTheWay, kind, reason) => {
    await make({ ours: ['a.png', 'b.png'], 'a.txt': 'file' })
    mkdirSync(join(output, 'theirs'))
    writeFileSync(join(output, 'theirs', 'photo.jpg'), 'mine')
    writeFileSync(join(output, 'ours', 'notes.txt'), 'mine')
    writeFileSync(join(output, 'file'), 'mine')
    symlinkSync('theirs', join(output, 'link'))
    const before = contents()
    const refusal = {
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(`${join(output, inTheWay)} but what stands there ${reason}`) as string,
    }

    const pending = await PendingFiles.in(output, { supersede: true })
    const check = pending.checkRoom((name) => (name === inTheWay ? kind : undefined))
    await expect(check).rejects.toMatchObject(refusal)
    await pending.discard()

    const names = {
      'a.txt': 'file',
      'b.txt': 'file',
      [inTheWay]: kind === 'file' ? 'file' : ['a.png'],
    } as const
    await expect(make(names)).rejects.toMatchObject(refusal)
    expect(contents()).toEqual(before)
    expect(readFileSync(join(output, 'a.txt'), 'utf8')).toBe('a.txt of run 1')
  })

  it('is never replaced by files that take no place of others', async () => {
    await make({ group: ['a.png'] }, false)
    await expect(make({ group: ['a.png'] }, false)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
  })
})

describe('what a killed run left', () => {
  /** Starts a process that has a file on its way into the output. */
  async function startRun() {
    const script = `const { PendingFiles } = await import(${JSON.stringify(MAIN)})
      const { writeFileSync } = await import('node:fs')
      const pending = await PendingFiles.in(${JSON.stringify(output)})
      writeFileSync(pending.path('half.npy'), 'half')
      console.log(pending.folder)
      setInterval(() => {}, 1000)`
    const run = spawn(process.execPath, ['--input-type=module', '-e', script])
    const [folder] = (await once(run.stdout, 'data')) as [Buffer]
    const kill = async () => {
      run.kill('SIGKILL')
      await once(run, 'exit')
    }
    return { name: basename(folder.toString().trim()), kill }
  }

  it('is removed by the next one into the folder, and named; what a run that goes on has there stays', async () => {
    const [killed, running] = await Promise.all([startRun(), startRun()])
    try {
      await killed.kill()
      expect(readdirSync(output).toSorted()).toEqual([killed.name, running.name].toSorted())

      const pending = await PendingFiles.in(output)
      expect(pending.leftovers).toEqual([killed.name])
      const second = await PendingFiles.in(output)
      expect(second.leftovers).toEqual([])
      await Promise.all([pending.discard(), second.discard()])
      expect(readdirSync(output)).toEqual([running.name])
    } finally {
      await running.kill()
    }
  })

  it('stays where it cannot be known to be that', async () => {
    const killed = await startRun()
    await killed.kill()
    const [, where, pid] = killed.name.slice(1).split('-') as [string, string, string]
    const others = {
      'of another host': `.facekit-${'0'.repeat(where.length)}-${pid}-00000000`,
      'of a number that has a process': `.facekit-${where}-${process.ppid}-00000000`,
      'of no process': `.facekit-${where}-0-00000000`,
      'with more in its name': `.facekit-${where}-${pid}-00000000-mine`,
      'of somebody else': '.facekit-notes',
    }
    for (const name of Object.values(others)) mkdirSync(join(output, name))
    const link = `.facekit-${where}-${pid}-11111111`
    symlinkSync(root, join(output, link))
    const file = `.facekit-${where}-${pid}-22222222`
    writeFileSync(join(output, file), 'mine')

    const pending = await PendingFiles.in(output)
    expect(pending.leftovers).toEqual([killed.name])
    await pending.discard()
    expect(readdirSync(output).toSorted()).toEqual([...Object.values(others), link, file].toSorted())
  })
})

describe('what an earlier run made', () => {
  it('is replaced, or removed where it is not made again; what the user put there stays', async () => {
    await make({
      'labels_3.npy': 'file',
      'result.txt': 'file',
      one: ['a.png', 'b.png'],
      two: ['c.png'],
      three: ['d.png'],
    })
    writeFileSync(join(output, 'labels_7.npy'), 'mine')
    writeFileSync(join(output, 'three', 'notes.txt'), 'mine')

    expect(await make({ 'labels_2.npy': 'file', 'result.txt': 'file', one: ['b.png', 'e.png'] })).toEqual([
      'labels_3.npy',
    ])
    expect(contents()).toEqual([
      'labels_2.npy',
      'labels_7.npy',
      'one',
      'one/b.png',
      'one/e.png',
      'result.txt',
      'three',
      'three/notes.txt',
    ])
  })

  it('is known also when the run was killed in the middle of its commit', async () => {
    await make({ old: ['a.png'], 'old.txt': 'file' })
    const pending = await PendingFiles.in(output, { supersede: true })
    mkdirSync(pending.path('new'))
    writeFileSync(join(pending.path('new'), 'b.png'), '')
    writeFileSync(pending.path('lost.txt'), '')
    vi.spyOn(pending, 'checkRoom').mockImplementation(async () => rmSync(pending.path('lost.txt')))
    await expect(pending.commit()).rejects.toThrow('ENOENT')
    await pending.discard()
    expect(contents()).toEqual(['new', 'new/b.png', 'old', 'old.txt', 'old/a.png'])

    await make({ 'new.txt': 'file' })
    expect(contents()).toEqual(['new.txt'])
  })

  it.each([
    ['text', 'no JSON'],
    ['another thing', '{"files": "all"}'],
    ['a path out of the folder', '{"files": ["../precious.txt"], "folders": {}}'],
    ['a path in a folder', '{"files": [], "folders": {"a": ["../../precious.txt"]}}'],
  ])('cannot be told from a record of %s: it is refused, by its name', async (_case, text) => {
    writeFileSync(join(root, 'precious.txt'), 'mine')
    writeFileSync(join(output, '.facekit.json'), text)
    await expect(make({ 'a.txt': 'file' })).rejects.toMatchObject({
      code: 'OUTPUT_FOLDER',
      message: expect.stringContaining(join(output, '.facekit.json')) as string,
    })
    expect(existsSync(join(root, 'precious.txt'))).toBe(true)
    expect(readdirSync(output)).toEqual(['.facekit.json'])
  })
})
