import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { shardEmbeddings } from '@facekit/io-npy'
import { People } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const TABLE = fileURLToPath(new URL('../src/table.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'facekit-table-'))

beforeAll(async () => {
  const people = new People(1000, 64)
  await pipeline(Readable.from(people.batches()), shardEmbeddings({ output: join(folder, 'easy') }))
})
afterAll(() => rmSync(folder, { recursive: true }))

function table(...args: string[]) {
  return spawnSync(process.execPath, [TABLE, '--file-sets', folder, ...args], { encoding: 'utf8' })
}

describe('table', () => {
  it('scores clusterings of file sets and of simulated faces, and tells the best threshold', () => {
    const { status, stdout, stderr } = table('--simulated', '3000:1', '--thresholds', '0.1,0.6,0.99')
    expect(status, stderr).toBe(0)
    const [easy, hard] = stdout.split('\n### ').slice(1)
    expect(easy).toContain('easy: 1000 faces of 200 people')
    // Identities that are told apart without fault, joined all, or not found.
    expect(easy).toContain('| components at 0.6 | 200 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 |')
    expect(easy).toMatch(/components at 0.1 \| 1 \| 0\.\d+ \| 1.000 /)
    expect(easy).toMatch(/components at 0.99 \| \d+ \| 1.000 \| 0\.\d+ /)
    expect(easy).toContain('pairwise components at 0.6, F 1.000; BCubed components at 0.6, F 1.000')
    expect(hard).toMatch(/^simulated, seed 1: 3000 faces of \d+ people/)
    expect(hard).toMatch(/pairwise components at 0.6, F 0\.\d+; BCubed components at 0.6, F 0\.\d+/)
  })

  it('refuses what is no number', () => {
    const { status, stderr } = table('--simulated', 'many:1')
    expect(status).not.toBe(0)
    expect(stderr).toContain('--simulated')
  })
})
