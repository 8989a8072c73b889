import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KILL_AT, rounds, seededRandom } from '@facekit/testing'
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { PendingFiles, readSettled, settleOutput, type Committed } from '../src/index.js'

/** Built: other processes take their code from here. */
const MAIN = new URL('../dist/index.js', import.meta.url).href

const root = mkdtempSync(join(tmpdir(), 'facekit-core-'))
afterAll(() => rmSync(root, { recursive: true }))

let output: string
beforeEach(() => {
  output = mkdtempSync(join(root, 'output-'))
})

/** What the user sees: everything but hidden names, with what is in the files. */
function contents(folder = output): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !path.startsWith('.'),
  )
  return Object.fromEntries(
    paths
      .toSorted()
      .map((path) => [
        path,
        lstatSync(join(folder, path)).isFile() ? readFileSync(join(folder, path), 'utf8') : '',
      ]),
  )
}

/** Files by their names, `group_0000/a.jpg` for those in folders. */
type Files = Readonly<Record<string, string>>

async function write(pending: PendingFiles, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const [name, file] = path.split('/') as [string, string?]
    if (file !== undefined) mkdirSync(pending.path(name), { recursive: true })
    writeFileSync(file === undefined ? pending.path(name) : join(pending.path(name), file), text)
  }
}

async function make(files: Files, kind: 'labels' | 'embeddings' = 'labels'): Promise<Committed> {
  const pending = await PendingFiles.in(output, kind)
  try {
    await write(pending, files)
    return await pending.commit()
  } finally {
    await pending.discard()
  }
}

const OLD = {
  'assignments.parquet': 'old',
  'clustering_result.txt': 'old, too',
  'fr_train_1_class_2_data_classes.npy': 'old',
  'group_0000/a.jpg': 'old',
  'group_0000/b.jpg': 'old',
  'group_0001/c.jpg': 'old',
}
const NEW = {
  'assignments.parquet': 'new',
  'clustering_result.txt': 'new',
  'fr_train_3_class_4_data_classes.npy': 'new',
  'group_0000/a.jpg': 'new',
  'group_0002/d.jpg': 'new',
}
const withFolders = (files: Files) =>
  Object.fromEntries(
    [
      ...Object.entries(files),
      ...Object.keys(files).flatMap((path) => (path.includes('/') ? [[path.split('/')[0]!, '']] : [])),
    ].toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
  )

describe('PendingFiles', () => {
  it('shows files and folders only at commit, in place of all that the run before made', async () => {
    await make(OLD)
    writeFileSync(join(output, 'notes.txt'), 'mine')
    const pending = await PendingFiles.in(output, 'labels')
    await write(pending, NEW)
    writeFileSync(pending.scratchPath('spool'), 'scratch')
    expect(contents()).toEqual({ ...withFolders(OLD), 'notes.txt': 'mine' })

    expect(await pending.commit()).toEqual({ removed: ['fr_train_1_class_2_data_classes.npy'], kept: [] })
    expect(contents()).toEqual({ ...withFolders(NEW), 'notes.txt': 'mine' })
    expect(readdirSync(output).filter((name) => name.startsWith('.'))).toEqual(['.facekit.json'])
  })

  it('leaves nothing when discarded, nor the folders that it made where they were missing', async () => {
    const before = output
    output = join(output, 'not', 'yet')
    const pending = await PendingFiles.in(output, 'labels')
    writeFileSync(pending.path('clustering_result.txt'), 'half')
    expect(contents()).toEqual({})
    await pending.discard()
    expect(readdirSync(before)).toEqual([])
  })

  it('replaces what a run of the same kind made, and not what one of another kind did', async () => {
    await make({ 'final_embs.npy': 'old', 'failed.ndjson': '' }, 'embeddings')
    await make(OLD)
    await make({ 'embs_0.npy': 'new' }, 'embeddings')
    expect(contents()).toEqual(withFolders({ ...OLD, 'embs_0.npy': 'new' }))
    await make(NEW)
    expect(contents()).toEqual(withFolders({ ...NEW, 'embs_0.npy': 'new' }))
  })

  it('takes no names but those of its kind', async () => {
    const pending = await PendingFiles.in(output, 'labels')
    for (const name of ['final_embs.npy', '../clustering_result.txt', 'group_1', 'notes.txt'])
      expect(() => pending.path(name)).toThrow('no name of labels')
    await pending.discard()
  })

  it('says which folder it cannot write to', async () => {
    const file = join(output, 'file')
    writeFileSync(file, '')
    await expect(PendingFiles.in(file, 'labels')).rejects.toMatchObject({
      code: 'OUTPUT_FOLDER',
      message: expect.stringContaining(`Expected a folder to write to at ${file}`) as string,
    })
  })

  it('says so, and does not turn in a circle, where a folder takes no other into it', () => {
    const { stdout } = runScript(`
      await PendingFiles.in('/proc/facekit/output', 'labels').catch((error) => console.log(error.code))`)
    expect(stdout).toBe('OUTPUT_FOLDER\n')
  })

  it('refuses an empty name for a folder', async () => {
    await expect(PendingFiles.in('', 'labels')).rejects.toMatchObject({ code: 'OPTION' })
  })
})

/** Runs a script in a process of its own. */
function runScript(script: string, env: Readonly<Record<string, string>> = {}, ...flags: string[]) {
  const text = `const { PendingFiles, settleOutput, OneFile } = await import(${JSON.stringify(MAIN)})
    const { writeFileSync, mkdirSync } = await import('node:fs')
    ${script}`
  return spawnSync(process.execPath, [...flags, '--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...env },
  })
}

describe('what facekit did not make', () => {
  it.each<[string, string, (path: string) => void, string]>([
    [
      'a file',
      'assignments.parquet',
      (path) => writeFileSync(path, 'mine'),
      'is a file that facekit did not make',
    ],
    ['a folder', 'group_0007', (path) => mkPhoto(path), 'holds photo.jpg, which facekit did not make'],
    [
      'a folder for a file',
      'clustering_result.txt',
      (path) => mkdirSync(path),
      'is a folder that facekit did not make',
    ],
    ['a file for a folder', 'group_0007', (path) => writeFileSync(path, 'mine'), 'is no folder'],
    ['a link for a folder', 'group_0007', (path) => symlinkSync('..', path), 'is no folder'],
    [
      'a link for a file',
      'assignments.parquet',
      (path) => symlinkSync('x', path),
      'is a file that facekit did not make',
    ],
  ])('stops a run before its work: %s', async (_case, name, put, reason) => {
    put(join(output, name))
    const before = contents()
    await expect(PendingFiles.in(output, 'labels')).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(`${join(output, name)} but what stands there ${reason}`) as string,
    })
    expect(contents()).toEqual(before)
    expect(readdirSync(output)).toEqual([name])
  })

  it.each<[string, () => void, string]>([
    [
      'a file that was changed',
      () => writeFileSync(join(output, 'clustering_result.txt'), 'my own notes'),
      'was changed since',
    ],
    [
      'a file beside ours',
      () => writeFileSync(join(output, 'group_0001/notes.txt'), 'mine'),
      'holds notes.txt, which facekit did not make',
    ],
    [
      'a picture that was changed',
      () => writeFileSync(join(output, 'group_0001/c.jpg'), 'mine'),
      'holds c.jpg, which was changed since',
    ],
    ['a link in place of a folder', () => swapForLink('group_0001'), 'is no folder'],
    [
      'a link in place of a picture',
      () => swapForLink('group_0001/c.jpg'),
      'holds c.jpg, which was changed since',
    ],
  ])('stops a run also among what it made: %s', async (_case, change, reason) => {
    await make(OLD)
    change()
    const before = contents()
    await expect(make(NEW)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(reason) as string,
    })
    expect(contents()).toEqual(before)
  })

  it('is not overwritten where it comes while the run works', async () => {
    const pending = await PendingFiles.in(output, 'labels')
    await write(pending, NEW)
    mkPhoto(join(output, 'group_0000'))
    await expect(pending.commit()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    await pending.discard()
    expect(contents()).toEqual({ group_0000: '', 'group_0000/photo.jpg': 'mine' })
  })

  it('stays beside what is replaced, and in folders that are not made again', async () => {
    await make(OLD)
    const pending = await PendingFiles.in(output, 'labels', { mayWrite: (name) => name === 'group_0000' })
    await write(pending, { 'group_0000/new.jpg': 'new' })
    // The user's, in and under names of the earlier run.
    writeFileSync(join(output, 'group_0001/notes.txt'), 'mine')
    writeFileSync(join(output, 'assignments.parquet'), 'mine now')
    mkPhoto(join(output, 'group_0042'))
    expect(await pending.commit()).toEqual({
      removed: ['clustering_result.txt', 'fr_train_1_class_2_data_classes.npy'],
      kept: [],
    })
    expect(contents()).toEqual({
      'assignments.parquet': 'mine now',
      group_0000: '',
      'group_0000/new.jpg': 'new',
      group_0001: '',
      'group_0001/notes.txt': 'mine',
      group_0042: '',
      'group_0042/photo.jpg': 'mine',
    })
  })

  it('is not removed for a record that names it', async () => {
    const precious = {
      '.bashrc': 'mine',
      'thesis.txt': 'mine',
      'group_0000/thesis.txt': 'mine',
      '.ssh/id.jpg': 'mine',
    }
    for (const [path, text] of Object.entries(precious)) {
      mkdirSync(join(output, path, '..'), { recursive: true })
      writeFileSync(join(output, path), text)
    }
    writeFileSync(join(root, 'precious.txt'), 'mine')
    const sizes = Object.fromEntries(
      [...Object.keys(precious), '../precious.txt', 'group_0000/../../precious.txt'].map((path) => [path, 4]),
    )
    const records = [
      { version: 2, labels: sizes, embeddings: sizes },
      { files: Object.keys(precious), folders: { group_0000: ['thesis.txt'], '.ssh': ['id.jpg'] } },
    ]
    for (const [i, record] of records.entries()) {
      writeFileSync(join(output, '.facekit.json'), JSON.stringify(record))
      await expect(make(NEW)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
      if (i === 0) await make({ 'final_embs.npy': 'new' }, 'embeddings')
    }
    for (const [path, text] of Object.entries(precious))
      expect(readFileSync(join(output, path), 'utf8')).toBe(text)
    expect(existsSync(join(root, 'precious.txt'))).toBe(true)
  })

  it.each([
    ['text', 'no JSON'],
    ['a list', '[]'],
    ['another thing', '{"labels": "all"}'],
    ['a newer facekit', '{"version": 4}'],
  ])('cannot be told from a record of %s: it is refused, by its name', async (_case, text) => {
    writeFileSync(join(output, '.facekit.json'), text)
    await expect(make(NEW)).rejects.toMatchObject({
      code: 'OUTPUT_FOLDER',
      message: expect.stringContaining(join(output, '.facekit.json')) as string,
    })
    expect(readdirSync(output)).toEqual(['.facekit.json'])
  })

  it('stays where a hidden folder is a link to it', async () => {
    mkPhoto(join(root, 'album'))
    symlinkSync(join(root, 'album'), join(output, '.facekit-run'))
    await expect(make(NEW)).rejects.toMatchObject({ code: 'OUTPUT_FOLDER' })
    expect(readdirSync(join(root, 'album'))).toEqual(['photo.jpg'])
  })

  it('stays where a hidden folder was planted that says it is to go', async () => {
    writeFileSync(join(output, '.bashrc'), 'mine')
    mkdirSync(join(output, '.facekit-run'))
    const plant = (journal: object) =>
      writeFileSync(join(output, '.facekit-run/commit.json'), JSON.stringify(journal))
    plant({ kind: 'labels', earlier: { '.bashrc': 4 }, names: [] })
    await settleOutput(output)
    expect(readFileSync(join(output, '.bashrc'), 'utf8')).toBe('mine')

    mkdirSync(join(output, '.facekit-run'))
    plant({ kind: 'labels', earlier: {}, names: ['.bashrc'] })
    writeFileSync(join(output, '.facekit-run/.bashrc'), 'theirs')
    await expect(settleOutput(output)).rejects.toMatchObject({ code: 'OUTPUT_UNFINISHED' })
    await expect(make(NEW)).rejects.toMatchObject({ code: 'OUTPUT_FOLDER' })
    expect(readFileSync(join(output, '.bashrc'), 'utf8')).toBe('mine')
  })
})

function mkPhoto(folder: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'photo.jpg'), 'mine')
}

/** What stood there is elsewhere, and led to. */
function swapForLink(name: string): void {
  const elsewhere = mkdtempSync(join(root, 'elsewhere-'))
  cpSync(join(output, name), join(elsewhere, 'it'), { recursive: true })
  rmSync(join(output, name), { recursive: true })
  symlinkSync(join(elsewhere, 'it'), join(output, name))
}

describe('two runs into one folder', () => {
  /** Starts a process that holds the output. */
  async function startRun() {
    const script = `const { PendingFiles } = await import(${JSON.stringify(MAIN)})
      const { writeFileSync } = await import('node:fs')
      const pending = await PendingFiles.in(${JSON.stringify(output)}, 'labels')
      writeFileSync(pending.path('clustering_result.txt'), 'half')
      console.log('ready')
      setInterval(() => {}, 1000)`
    const run = spawn(process.execPath, ['--input-type=module', '-e', script])
    await once(run.stdout, 'data')
    const kill = async () => {
      run.kill('SIGKILL')
      await once(run, 'exit')
    }
    return { pid: run.pid!, kill }
  }

  it('the second is refused with the number of the first; a process that is gone is no obstacle', async () => {
    const run = await startRun()
    await expect(PendingFiles.in(output, 'embeddings')).rejects.toMatchObject({
      code: 'OUTPUT_BUSY',
      message: expect.stringContaining(`process ${run.pid} on `) as string,
    })
    await run.kill()
    const pending = await PendingFiles.in(output, 'labels')
    expect(pending.leftover).toBe('removed')
    await pending.discard()
    expect(readdirSync(output)).toEqual([])
  })

  it('of many that start at once, and find what a killed one left, one goes on', async () => {
    const run = await startRun()
    await run.kill()
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, async () => PendingFiles.in(output, 'labels')),
    )
    const winners = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(winners).toHaveLength(1)
    for (const one of settled)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'OUTPUT_BUSY' })
    await winners[0]!.discard()
    expect(readdirSync(output)).toEqual([])
  })

  const plantOwner = (owner: unknown, agoMs = 0) => {
    const folder = join(output, '.facekit-run')
    mkdirSync(folder)
    writeFileSync(join(folder, 'owner-1.json'), typeof owner === 'string' ? owner : JSON.stringify(owner))
    const then = new Date(Date.now() - agoMs)
    utimesSync(join(folder, 'owner-1.json'), then, then)
  }
  const elsewhere = { pid: 4711, host: 'node017', place: 'another', started: '1' }
  const HOUR_MS = 3_600_000

  it.each<[string, () => void, RegExp]>([
    ['of another machine that gives signs of life', () => plantOwner(elsewhere), /process 4711 on node017/],
    ['that had no time yet to say who it is', () => plantOwner(''), /another process/],
  ])('one %s is waited for', async (_case, plant, said) => {
    plant()
    await expect(PendingFiles.in(output, 'labels')).rejects.toMatchObject({
      code: 'OUTPUT_BUSY',
      message: expect.stringMatching(said) as string,
    })
    expect(existsSync(join(output, '.facekit-run/owner-1.json'))).toBe(true)
  })

  it.each<[string, () => void]>([
    ['of another machine that is silent', () => plantOwner(elsewhere, HOUR_MS)],
    ['that never said who it is', () => plantOwner('', HOUR_MS)],
  ])('one %s is no obstacle', async (_case, plant) => {
    plant()
    await (await PendingFiles.in(output, 'labels')).discard()
    expect(readdirSync(output)).toEqual([])
  })

  it.each([
    ['is a pipe', (path: string) => spawnSync('mkfifo', [path])],
    ['is a folder', (path: string) => mkdirSync(path)],
  ])('one whose mark %s is not waited for by reading it', async (_what, put) => {
    mkdirSync(join(output, '.facekit-run'))
    put(join(output, '.facekit-run/owner-1.json'))
    await expect(PendingFiles.in(output, 'labels')).rejects.toMatchObject({ code: 'OUTPUT_BUSY' })
  })

  it('one whose number was given to another process is no obstacle', async () => {
    const pending = await PendingFiles.in(output, 'labels')
    const [name] = readdirSync(pending.folder)
    const owner = JSON.parse(readFileSync(join(pending.folder, name!), 'utf8')) as { started: string }
    await pending.discard()
    // Only Linux tells when a process began.
    if (owner.started === '') return
    plantOwner({ ...owner, started: `${Number(owner.started) - 1}` })
    await (await PendingFiles.in(output, 'labels')).discard()
  })

  it('one of another user is not gone where the system does not tell of it', async () => {
    const run = await startRun()
    const { stdout } = runScript(`
      const { default: fs } = await import('node:fs')
      const { syncBuiltinESMExports } = await import('node:module')
      const read = fs.readFileSync
      fs.readFileSync = (path, ...more) => {
        if (path === '/proc/${run.pid}/stat') throw new Error('as with hidepid')
        return read(path, ...more)
      }
      syncBuiltinESMExports()
      await PendingFiles.in(${JSON.stringify(output)}, 'labels').catch((error) => console.log(error.code))`)
    expect(stdout).toBe('OUTPUT_BUSY\n')
    expect(existsSync(join(output, '.facekit-run/clustering_result.txt'))).toBe(true)
    await run.kill()
  })

  it('one that cannot say who it is leaves nothing that keeps others away', () => {
    const folder = join(output, 'not', 'yet')
    const { stdout } = runScript(`
      const { default: fs } = await import('node:fs')
      const { syncBuiltinESMExports } = await import('node:module')
      const write = fs.promises.writeFile
      fs.promises.writeFile = async (path, text, ...more) => {
        await write(path, '', ...more)
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      }
      syncBuiltinESMExports()
      await PendingFiles.in(${JSON.stringify(folder)}, 'labels').catch((error) => console.log(error.code))`)
    expect(stdout).toBe('OUTPUT_FOLDER\n')
    expect(readdirSync(output)).toEqual([])
  })

  it('a folder that others release and remove all the time is busy or free, and nothing else', async () => {
    const folder = JSON.stringify(join(output, 'new', 'folder'))
    const script = `const { PendingFiles } = await import(${JSON.stringify(MAIN)})
      for (let i = 0; i < ${rounds(300, 3000)}; i++)
        await PendingFiles.in(${folder}, 'labels').then(
          (pending) => pending.discard(),
          (error) => error.code === 'OUTPUT_BUSY' || console.log(error.message))`
    const runs = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script]),
    )
    let said = ''
    for (const run of runs) run.stdout.on('data', (text: Buffer) => (said += text.toString()))
    await Promise.all(runs.map(async (run) => once(run, 'close')))
    expect(said).toBe('')
  }, 60_000)

  it('one that another took for gone writes nothing', async () => {
    await make(OLD)
    const pending = await PendingFiles.in(output, 'labels')
    await write(pending, NEW)
    const folder = pending.folder
    writeFileSync(join(folder, 'owner-2.json'), JSON.stringify(elsewhere))
    await expect(pending.commit()).rejects.toMatchObject({ code: 'OUTPUT_BUSY' })
    expect(contents()).toEqual(withFolders(OLD))
  })
})

describe('killed at any step', () => {
  const script = `
    const pending = await PendingFiles.in(process.env.OUTPUT, 'labels')
    for (const [path, text] of Object.entries(JSON.parse(process.env.FILES))) {
      const [name, file] = path.split('/')
      if (file) mkdirSync(pending.path(name), { recursive: true })
      writeFileSync(file ? pending.path(name) + '/' + file : pending.path(name), text)
    }
    await pending.commit()`

  it('a set is the old one or the new one, after whoever opens the folder next', async () => {
    await make(OLD)
    writeFileSync(join(output, 'notes.txt'), 'mine')
    const [older, newer] = [OLD, NEW].map((files) => withFolders({ ...files, 'notes.txt': 'mine' }))
    let [wereOld, wereNew] = [0, 0]
    for (let step = 1; ; step++) {
      const folder = `${output}-${step}`
      cpSync(output, folder, { recursive: true })
      const env = { OUTPUT: folder, FILES: JSON.stringify(NEW), FACEKIT_KILL_AT: `${step}` }
      const { signal, status, stderr } = runScript(script, env, '--import', KILL_AT)
      if (signal === null) {
        expect(status, stderr).toBe(0)
        expect(contents(folder)).toEqual(newer)
        break
      }
      // What others see meanwhile has no mixture.
      const texts = new Set(Object.values(contents(folder)).map((text) => text.slice(0, 3)))
      expect(
        [...texts].filter((text) => text === 'old' || text === 'new').length,
        `step ${step}`,
      ).toBeLessThanOrEqual(1)

      if (step % 2 === 0) await settleOutput(folder)
      else await (await PendingFiles.in(folder, 'embeddings')).discard()
      const found = contents(folder)
      const isNew = found['assignments.parquet'] === 'new'
      expect(found, `step ${step}`).toEqual(isNew ? newer : older)
      if (isNew) wereNew++
      else wereOld++
      // Nothing goes back to the older set once the newer was complete.
      if (wereNew > 0) expect(isNew, `step ${step}`).toBe(true)
      // And the record is that of what is there.
      await (await PendingFiles.in(folder, 'labels')).discard()
    }
    expect(wereOld).toBeGreaterThan(10)
    expect(wereNew).toBeGreaterThan(20)
  })

  it('and killed again while that is finished, it still is', async () => {
    await make(OLD)
    const settle = `await settleOutput(process.env.OUTPUT)`
    for (const step of [35, 30, 40].slice(0, rounds(1, 3))) {
      const started = `${output}-${step}`
      cpSync(output, started, { recursive: true })
      const env = { OUTPUT: started, FILES: JSON.stringify(NEW), FACEKIT_KILL_AT: `${step}` }
      expect(runScript(script, env, '--import', KILL_AT).signal).toBe('SIGKILL')
      for (let again = 1; ; again++) {
        const folder = `${started}-${again}`
        cpSync(started, folder, { recursive: true })
        const { signal } = runScript(
          settle,
          { OUTPUT: folder, FACEKIT_KILL_AT: `${again}` },
          '--import',
          KILL_AT,
        )
        await settleOutput(folder)
        expect(contents(folder), `steps ${step}, ${again}`).toEqual(withFolders(NEW))
        if (signal === null) break
      }
    }
  })

  it('a set of which nothing can be moved is a run that failed: all is as before', async () => {
    await make(OLD)
    const pending = await PendingFiles.in(output, 'labels')
    await write(pending, NEW)
    const rename = vi.spyOn(fs, 'rename')
    rename.mockImplementation(async (from, to) => {
      if (String(to).includes('/old-'))
        throw Object.assign(new Error('EPERM: no'), { code: 'EPERM', syscall: 'rename' })
      renameSync(from, to)
    })
    syncBuiltinESMExports()
    try {
      await expect(pending.commit()).rejects.toMatchObject({ code: 'EPERM' })
    } finally {
      rename.mockRestore()
      syncBuiltinESMExports()
    }
    await pending.discard()
    expect(contents()).toEqual(withFolders(OLD))
    expect(readdirSync(output).filter((name) => name.startsWith('.'))).toEqual(['.facekit.json'])
  })

  it('a set of which some could be moved is named, and finished by the next one', async () => {
    await make(OLD)
    const pending = await PendingFiles.in(output, 'labels')
    await write(pending, NEW)
    const rename = vi.spyOn(fs, 'rename')
    rename.mockImplementation(async (from, to) => {
      if (String(to) === join(output, 'group_0000'))
        throw Object.assign(new Error('EBUSY: no'), { code: 'EBUSY', syscall: 'rename' })
      renameSync(from, to)
    })
    syncBuiltinESMExports()
    try {
      await expect(pending.commit()).rejects.toMatchObject({
        code: 'OUTPUT_UNFINISHED',
        message: expect.stringContaining(
          `EBUSY: no. They are complete in ${join(output, '.facekit-run')}: mend that`,
        ) as string,
      })
    } finally {
      rename.mockRestore()
      syncBuiltinESMExports()
    }
    await pending.discard()
    expect(await settleOutput(output)).toBe(true)
    expect(contents()).toEqual(withFolders(NEW))
  })

  it('says so where what was begun cannot be finished', async () => {
    await make(OLD)
    const env = { OUTPUT: output, FILES: JSON.stringify(NEW), FACEKIT_KILL_AT: '35' }
    runScript(script, env, '--import', KILL_AT)
    writeFileSync(join(output, '.facekit-run/commit.json'), 'cut')
    await expect(settleOutput(output)).rejects.toMatchObject({ code: 'OUTPUT_UNFINISHED' })
  })

  it('and with journals and records that say anything, what is not facekit’s stays', async () => {
    await make(OLD)
    const env = { OUTPUT: output, FILES: JSON.stringify(NEW), FACEKIT_KILL_AT: '35' }
    expect(runScript(script, env, '--import', KILL_AT).signal).toBe('SIGKILL')
    const mine = {
      '.bashrc': 'mine',
      'notes.txt': 'mine',
      'group_0099/photo.jpg': 'mine',
      'group_0001/me.jpg': 'mine',
    }
    for (const [path, text] of Object.entries(mine)) {
      mkdirSync(join(output, path, '..'), { recursive: true })
      writeFileSync(join(output, path), text)
    }
    const random = seededRandom(3)
    const pick = (count: number) => Math.floor(random() * count)
    // What an attacker would write, beside noise.
    const words = [
      ...Object.keys(mine),
      '..',
      '/',
      '"',
      '{',
      '}',
      '[',
      ']',
      'names',
      'earlier',
      '4',
      '-1',
      'null',
    ]
    for (let round = 0; round < rounds(60, 5000); round++) {
      const folder = `${output}-mutant`
      rmSync(folder, { recursive: true, force: true })
      cpSync(output, folder, { recursive: true })
      for (const name of ['.facekit-run/commit.json', '.facekit.json']) {
        if (random() < 0.3) continue
        let text = readFileSync(join(folder, name), 'utf8')
        for (let change = pick(4); change >= 0; change--) {
          const at = pick(text.length)
          text = text.slice(0, at) + words[pick(words.length)]! + text.slice(at + pick(12))
        }
        writeFileSync(join(folder, name), text)
      }
      const ours = (error: unknown) => expect(error).toHaveProperty('code', expect.stringMatching(/^OUTPUT_/))
      await settleOutput(folder).catch(ours)
      await PendingFiles.in(folder, 'labels').then((pending) => pending.discard(), ours)
      for (const [path, text] of Object.entries(mine)) {
        const found = Object.entries(contents(folder)).concat([
          ['.bashrc', readFileSync(join(folder, '.bashrc'), 'utf8')],
        ])
        // A folder may have been put aside for ours.
        const isThere = found.some(
          ([name, content]) => content === text && name.endsWith(path.split('/').at(-1)!),
        )
        expect(isThere, `${path}, round ${round}`).toBe(true)
      }
    }
  })
})

/** A folder whose files and folders are those of `lower`, as containers have them. */
function mountOverlay(lower: string): string | undefined {
  const disk = mkdtempSync(join(root, 'overlay-'))
  const mount = (...args: string[]) => spawnSync('mount', args).status === 0
  onTestFinished(() => void spawnSync('umount', [join(disk, 'merged'), disk]))
  // An upper layer may not itself be of an overlay.
  if (!mount('-t', 'tmpfs', 'tmpfs', disk)) return undefined
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(disk, name))
  cpSync(lower, join(disk, 'lower'), { recursive: true })
  const [layers, merged] = [['lower', 'upper', 'work'].map((name) => join(disk, name)), join(disk, 'merged')]
  const options = `lowerdir=${layers[0]},upperdir=${layers[1]},workdir=${layers[2]}`
  return mount('-t', 'overlay', 'overlay', '-o', options, merged) ? merged : undefined
}

it('folders that a container found in its image are replaced and removed', async (context) => {
  await make(OLD)
  const merged = mountOverlay(output)
  if (merged === undefined) return context.skip()
  output = merged
  await make(NEW)
  expect(contents()).toEqual(withFolders(NEW))
})

describe('readSettled', () => {
  it('reads again where a run moved its files meanwhile, also where the reading failed', async () => {
    await make(OLD)
    let readings = 0
    const read = async (fails: boolean) =>
      readSettled(output, async () => {
        const files = contents()
        if (readings++ === 0) await make(NEW)
        if (readings === 1 && fails) throw new Error('a file is missing')
        return files
      })
    expect(await read(false)).toEqual(withFolders(NEW))
    readings = 0
    await make(OLD)
    expect(await read(true)).toEqual(withFolders(NEW))
    expect(readings).toBe(2)
  })

  it('fails as the reading does where nothing moved', async () => {
    await expect(readSettled(output, async () => Promise.reject(new Error('no such file')))).rejects.toThrow(
      'no such file',
    )
  })
})
