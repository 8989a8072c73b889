import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ScratchFile } from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-scratch-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('ScratchFile', () => {
  it('gives back by position what was appended, and grows at its end after a read', () => {
    const file = new ScratchFile(join(folder, 'numbers'))
    expect(file.append(Uint32Array.of(1, 2, 3).subarray(1))).toBe(0)
    const read = new Uint32Array(2)
    file.read(0, read)
    expect([...read]).toEqual([2, 3])
    expect(file.append(Uint8Array.of(7))).toBe(8)
    file.close()
    expect([...readFileSync(file.path)]).toEqual([2, 0, 0, 0, 3, 0, 0, 0, 7])
  })

  it('names the file where it was cut', () => {
    const file = new ScratchFile(join(folder, 'cut'))
    file.append(new Float32Array(10))
    truncateSync(file.path, 12)
    expect(() => file.read(8, new Float32Array(2))).toThrow(
      expect.objectContaining({ code: 'FILE_CUT', message: expect.stringContaining(file.path) }),
    )
    file.remove()
    expect(existsSync(file.path)).toBe(false)
  })
})
