import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { PendingFiles } from '../src/index.js'

const root = mkdtempSync(join(tmpdir(), 'facekit-core-'))
afterAll(() => rmSync(root, { recursive: true }))

let output: string
beforeEach(() => {
  output = mkdtempSync(join(root, 'output-'))
})
const visible = () => readdirSync(output).filter((name) => !name.startsWith('.'))

describe('PendingFiles', () => {
  it('shows files and folders only at commit, in place of what was there', async () => {
    writeFileSync(join(output, 'a.txt'), 'old')
    await mkdir(join(output, 'group'))
    writeFileSync(join(output, 'group', 'old.png'), 'old')

    const pending = await PendingFiles.in(output)
    await writeFile(pending.path('a.txt'), 'new')
    await mkdir(pending.path('group'))
    await writeFile(join(pending.path('group'), 'new.png'), 'new')
    await writeFile(pending.scratchPath('spool'), 'scratch')
    expect(readFileSync(join(output, 'a.txt'), 'utf8')).toBe('old')
    expect(readdirSync(join(output, 'group'))).toEqual(['old.png'])

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
})
