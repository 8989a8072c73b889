import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { PendingFiles, readSettled, settleOutput, type OutputKind, type RunIdentity } from '../src/index.js'

const root = mkdtempSync(join(tmpdir(), 'facekit-record-'))
afterAll(() => rmSync(root, { recursive: true }))

let output: string
beforeEach(() => {
  output = join(mkdtempSync(join(root, 'run-')), 'output')
})

const hidden = () => join(output, '.facekit-run')
const runFile = () => join(hidden(), 'progress.json')

const IDENTITY: RunIdentity = { 'the model': 'a', '--batch-size': 4, '--use-l2-norm': false }

/** A run that recorded its progress, and ended. */
async function unfinished(kind: OutputKind = 'labels'): Promise<void> {
  const pending = await PendingFiles.in(output, kind)
  writeFileSync(pending.scratchPath('work'), 'some work')
  await pending.checkpoints(IDENTITY).record(async () => ({ done: 3 }))
  await pending.discard()
}

describe('what a run has recorded', () => {
  it('stays when the run is discarded, and what it has not recorded goes', async () => {
    const pending = await PendingFiles.in(output, 'labels')
    const checkpoints = pending.checkpoints(IDENTITY)
    expect([checkpoints.resumed, checkpoints.hasRecord, pending.isResumable]).toEqual([
      undefined,
      false,
      false,
    ])
    await pending.discard()
    expect(existsSync(output)).toBe(false)

    await unfinished()
    expect(readdirSync(hidden()).sort()).toEqual(['progress.json', 'scratch-work'])
    // As often as it is gone on with and ends.
    for (let again = 0; again < 2; again++) {
      const resumed = await PendingFiles.in(output, 'labels', { resume: true })
      expect(resumed.leftover).toBe('resumed')
      expect(resumed.isResumable).toBe(false)
      expect(resumed.checkpoints(IDENTITY)).toMatchObject({ resumed: { done: 3 }, hasRecord: true })
      expect(resumed.isResumable).toBe(true)
      await resumed.discard()
    }
    expect(readFileSync(join(hidden(), 'scratch-work'), 'utf8')).toBe('some work')
  })

  it('is refused unless it is said what becomes of it', async () => {
    await unfinished()
    await expect(PendingFiles.in(output, 'labels')).rejects.toMatchObject({
      code: 'RUN_UNFINISHED',
      message: expect.stringMatching(
        /one that makes labels was there until 20.*Go on with it by --resume, or begin anew with --no-resume/,
      ) as string,
    })
    expect(existsSync(runFile())).toBe(true)
  })

  it('is dropped where that is said', async () => {
    await unfinished()
    const pending = await PendingFiles.in(output, 'labels', { resume: false })
    expect(pending.leftover).toBe('removed')
    expect(pending.checkpoints(IDENTITY).resumed).toBe(undefined)
    await pending.discard()
    expect(existsSync(hidden())).toBe(false)
  })

  it('is not there any more when the run is committed, from before its journal goes', async () => {
    await unfinished()
    const pending = await PendingFiles.in(output, 'labels', { resume: true })
    pending.checkpoints(IDENTITY)
    writeFileSync(pending.path('clustering_result.txt'), 'labels')
    const { unlink } = fs
    let hadRecord: boolean | undefined
    vi.spyOn(fs, 'unlink').mockImplementation(async (path) => {
      if (String(path).endsWith('commit.json')) hadRecord = existsSync(runFile())
      return unlink(path)
    })
    syncBuiltinESMExports()
    await pending.commit().finally(() => {
      vi.restoreAllMocks()
      syncBuiltinESMExports()
    })
    expect(hadRecord).toBe(false)
    expect(pending.isResumable).toBe(false)
    expect(readdirSync(output).sort()).toEqual(['.facekit.json', 'clustering_result.txt'])
  })

  it('outlasts a commit that cannot begin', async () => {
    await unfinished()
    const pending = await PendingFiles.in(output, 'labels', { resume: true })
    pending.checkpoints(IDENTITY)
    writeFileSync(pending.path('clustering_result.txt'), 'labels')
    writeFileSync(join(output, 'clustering_result.txt'), 'mine')
    await expect(pending.commit()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    expect(pending.isResumable).toBe(true)
    await pending.discard()
    expect(existsSync(runFile())).toBe(true)
  })

  it('is none of a reader’s business', async () => {
    await unfinished()
    const before = readdirSync(hidden())
    expect(await settleOutput(output)).toBe(false)
    expect(await readSettled(output, async () => 'read')).toBe('read')
    expect(readdirSync(hidden())).toEqual(before)
  })

  it('of a run of another kind is refused', async () => {
    await unfinished('embeddings')
    await expect(PendingFiles.in(output, 'labels', { resume: true })).rejects.toMatchObject({
      code: 'RUN_DIFFERS',
      message: expect.stringMatching(/makes labels in .* makes embeddings/) as string,
    })
    expect(existsSync(runFile())).toBe(true)
  })
})

describe('a run of something else', () => {
  it('is refused with the names of all that differs', async () => {
    await unfinished()
    const [a, b] = ['3fa9'.repeat(16), '81bc'.repeat(16)]
    const pending = await PendingFiles.in(output, 'labels', { resume: true })
    const other = { '--batch-size': 8, '--use-l2-norm': false, 'the model': a, '--threads': 1 }
    expect(() => pending.checkpoints(other)).toThrow(
      'the model was a and is 3fa93fa9…; --batch-size was 4 and is 8; --threads was not given and is 1',
    )
    expect(() => pending.checkpoints({ ...IDENTITY, 'the model': b })).toThrow(
      expect.objectContaining({ code: 'RUN_DIFFERS' }),
    )
    await pending.discard()
    expect(existsSync(runFile())).toBe(true)
  })
})

describe('a record', () => {
  it.each([
    ['of a newer version', (record: object) => ({ ...record, version: 99 }), /of a facekit that is newer/],
    ['of no kind', (record: object) => ({ ...record, kind: 'toString' }), /holds no record of a run/],
    ['without a time', (record: object) => ({ ...record, at: 1 }), /holds no record of a run/],
    ['of nothing', (record: object) => ({ ...record, identity: null }), /does not say what the run is of/],
    [
      'of other progress',
      (record: object) => ({ ...record, progress: 7 }),
      /its checksum is that of another/,
    ],
    ['that is cut', undefined, /JSON/],
  ])('%s is refused, and can be dropped', async (_what, change, message) => {
    await unfinished()
    const text = readFileSync(runFile(), 'utf8')
    writeFileSync(runFile(), change ? JSON.stringify(change(JSON.parse(text) as object)) : text.slice(0, 20))
    for (const resume of [undefined, true])
      await expect(PendingFiles.in(output, 'labels', { resume })).rejects.toMatchObject({
        code: 'RUN_DAMAGED',
        message: expect.stringMatching(message) as string,
      })
    await (await PendingFiles.in(output, 'labels', { resume: false })).discard()
    expect(existsSync(hidden())).toBe(false)
  })

  it('keeps what it speaks of, and no more', async () => {
    await unfinished()
    const pending = await PendingFiles.in(output, 'labels', { resume: true })
    writeFileSync(pending.scratchPath('other'), 'later work')
    await pending.removeAllBut(new Set(['scratch-work']))
    await pending.discard()
    expect(readdirSync(hidden()).sort()).toEqual(['progress.json', 'scratch-work'])
  })
})

describe('what a run was of', () => {
  const make = async (identity?: RunIdentity) => {
    const pending = await PendingFiles.in(output, 'labels')
    if (identity) pending.identify(identity)
    writeFileSync(pending.path('clustering_result.txt'), 'labels')
    await pending.commit()
  }
  const earlier = async (kind: OutputKind = 'labels') => {
    const pending = await PendingFiles.in(output, kind)
    await pending.discard()
    return pending.earlierIdentity
  }

  it('is kept with what it made, beside that of other kinds', async () => {
    expect(await earlier()).toBe(undefined)
    await make(IDENTITY)
    expect(await earlier()).toEqual(IDENTITY)
    const other = await PendingFiles.in(output, 'embeddings')
    other.identify({ '--input': 'crops' })
    writeFileSync(other.path('failed.ndjson'), '')
    await other.commit()
    expect([await earlier(), await earlier('embeddings')]).toEqual([IDENTITY, { '--input': 'crops' }])
    await make()
    expect(await earlier()).toBe(undefined)
  })

  it('is not in records of the second version, which are read', async () => {
    await make(IDENTITY)
    const file = join(output, '.facekit.json')
    writeFileSync(file, '{"version":2,"labels":{"clustering_result.txt":6}}')
    expect(await earlier()).toBe(undefined)
    await make(IDENTITY)
    expect(await earlier()).toEqual(IDENTITY)
    // What is none is nobody's.
    writeFileSync(file, '{"version":3,"labels":{"clustering_result.txt":6},"identities":{"edges":3}}')
    expect(await earlier()).toBe(undefined)
  })
})
