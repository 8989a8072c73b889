import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/index.js'
import { writePeople } from './people.js'
import { facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const MIB = 2 ** 20

async function cluster(input: string, ...more: string[]): Promise<ClusterSummary> {
  const output = inFolder('labels')
  const args = ['cluster', '--input', input, '--output', output, '--save_groups', '0', '--json']
  const { status, stdout, stderr } = await facekit([...args, ...more])
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as ClusterSummary
}

describe('cluster --memory-limit', () => {
  it('stays within the limit and 300 MB, with the same result', async () => {
    const input = inFolder('people')
    // 200 MiB of embeddings, 50 of codes: neither fits into the half of 64 MiB that is theirs.
    await writePeople(input, 25_600, 2048)
    const [low, high] = [await cluster(input, '--memory-limit', '64MiB'), await cluster(input)]
    rmSync(input, { recursive: true })
    expect(low.peakMemoryBytes).toBeLessThan((64 + 300) * MIB)
    for (const { classes, duplicates, labelled } of [low, high])
      expect({ classes, duplicates, labelled }).toEqual({ classes: 5120, duplicates: 512, labelled: 25_088 })
  }, 180_000)

  it.each(['a lot', '12', '-1GB', '4 parsecs'])('refuses %s', async (size) => {
    const { status, stderr } = await facekit(['cluster', `--memory-limit=${size}`])
    expect([status, stderr]).toEqual([2, expect.stringContaining('Expected a size such as 4GB')])
  })
})
