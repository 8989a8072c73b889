import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/index.js'
import { writePeople } from './people.js'
import { builtFacekit, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const MIB = 2 ** 20

describe('cluster --memory-limit', () => {
  it('stays within the limit and 300 MB, and finds all there is', async () => {
    const input = inFolder('people')
    // 400 MiB of embeddings, more than all that may be taken, and up to 100 of codes.
    await writePeople(input, 12_800, 8192)
    const args = ['cluster', '--input', input, '--output', inFolder('labels'), '--save_groups', '0', '--json']
    // In a process of its own, whose memory is looked at.
    const { status, stdout, stderr } = await builtFacekit([...args, '--memory-limit', '64MiB'])
    rmSync(input, { recursive: true })
    expect(status, stderr).toBe(0)
    const { peakMemoryBytes, ...found } = JSON.parse(stdout) as ClusterSummary
    expect(peakMemoryBytes).toBeLessThan((64 + 300) * MIB)
    expect(found).toMatchObject({ classes: 2560, duplicates: 256, labelled: 12_544 })
  }, 180_000)

  it.each(['a lot', '12', '-1GB', '4 parsecs'])('refuses %s', async (size) => {
    const { status, stderr } = await facekit(['cluster', `--memory-limit=${size}`])
    expect([status, stderr]).toEqual([2, expect.stringContaining('Expected a size such as 4GB')])
  })
})
