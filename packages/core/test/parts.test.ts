import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KILL_AT } from '@facekit/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  filesMadeIn,
  formatReceipt,
  notePartFailure,
  partsIn,
  partStates,
  PendingFiles,
  readAllParts,
  readReceipts,
  removeOutput,
  settleOutput,
  type Part,
} from '../src/index.js'

let output: string
beforeEach(() => (output = mkdtempSync(join(tmpdir(), 'facekit-parts-'))))
afterEach(() => rmSync(output, { recursive: true, force: true }))

const part = (number: number, of = 3): Part => ({ number, of })

async function make({ number, of }: Part, text = `${number}`): Promise<void> {
  const pending = await PendingFiles.in(output, 'edges', { part: { number, of } })
  const name = `part_${number}_of_${of}`
  writeFileSync(pending.path(`${name}.parquet`), text)
  const receipt = { kind: 'edges', part: { number, of }, of: { floor: 0.5 }, counts: {}, seconds: 1 } as const
  const files = [{ name: `${name}.parquet`, bytes: text.length }]
  writeFileSync(pending.path(`${name}.json`), formatReceipt({ ...receipt, files }))
  await pending.commit()
}

it('are made side by side, each with a place and a record of its own', async () => {
  const both = await Promise.all(
    [0, 1].map((number) => PendingFiles.in(output, 'edges', { part: part(number) })),
  )
  await expect(PendingFiles.in(output, 'edges')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
  const whole = await PendingFiles.in(output, 'edges', { besideParts: true })
  expect(new Set([...both, whole].map(({ folder }) => folder)).size).toBe(3)
  await expect(PendingFiles.in(output, 'edges', { part: part(1) })).rejects.toMatchObject({
    code: 'OUTPUT_BUSY',
  })
  for (const pending of [...both, whole]) await pending.discard()
  mkdirSync(output, { recursive: true })
  await make(part(1))
  await make(part(0))
  expect(await partsIn(output)).toEqual([part(0), part(1)])
  expect(await filesMadeIn(output, 'edges')).toEqual([])
  // Made again, a part takes the place of what it was, and of nothing else.
  await make(part(1), 'another text')
  expect(readFileSync(join(output, 'part_1_of_3.parquet'), 'utf8')).toBe('another text')
  await removeOutput(output, 'edges', part(1))
  expect(await partsIn(output)).toEqual([part(0)])
  expect((await readReceipts(output, 'edges')).map((receipt) => receipt.part)).toEqual([part(0)])
})

it('are all there, or the missing ones are named', async () => {
  expect(await readAllParts(output, 'edges')).toBe(undefined)
  for (const number of [2, 0]) await make(part(number))
  await expect(readAllParts(output, 'edges')).rejects.toMatchObject({
    code: 'PART_MISSING',
    message: expect.stringContaining('all 3 parts of the edges') as string,
  })
  await make(part(1))
  const all = await readAllParts(output, 'edges')
  expect(all!.map((receipt) => receipt.part.number)).toEqual([0, 1, 2])
  writeFileSync(join(output, 'part_1_of_3.parquet'), 'longer than before')
  await expect(readAllParts(output, 'edges')).rejects.toMatchObject({ code: 'PART_DAMAGED' })
})

it('that were killed while their files moved are finished by whoever reads', async () => {
  const script = `
    import { writeFileSync } from 'node:fs'
    import { PendingFiles } from '${fileURLToPath(new URL('../dist/index.js', import.meta.url))}'
    const pending = await PendingFiles.in(process.env.OUTPUT, 'edges', { part: { number: 1, of: 3 } })
    writeFileSync(pending.path('part_1_of_3.parquet'), 'edges')
    writeFileSync(pending.path('part_1_of_3.json'), 'receipt')
    await pending.commit()`
  let finished = 0
  for (let step = 1; ; step++) {
    rmSync(output, { recursive: true, force: true })
    mkdirSync(output)
    const env = {
      ...process.env,
      OUTPUT: output,
      FACEKIT_KILL_AT: String(step),
      NODE_OPTIONS: `--import ${KILL_AT}`,
    }
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'pipe' })
      break
    } catch (error) {
      expect((error as { signal?: string }).signal).toBe('SIGKILL')
    }
    if (await settleOutput(output)) finished++
    const names = readdirSync(output)
      .filter((name) => name.startsWith('part_'))
      .sort()
    expect([[], ['part_1_of_3.json', 'part_1_of_3.parquet']]).toContainEqual(names)
  }
  expect(finished).toBeGreaterThan(0)
}, 120_000)

it('of which another run is at work are waited for', async () => {
  const first = await PendingFiles.in(output, 'edges', { part: part(0) })
  const said: string[] = []
  const second = PendingFiles.in(output, 'edges', {
    part: part(0),
    onBusy: ({ message }) => said.push(message),
  })
  while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await first.discard()
  await (await second).discard()
  expect(said).toEqual([expect.stringContaining('this very process is writing to it')])
})

it('are done, running or failed, as their files tell', async () => {
  await make(part(0))
  const running = await PendingFiles.in(output, 'edges', { part: part(2) })
  await notePartFailure(output, part(1), 'no disk')
  expect(await partStates(output, 'edges')).toMatchObject([
    { part: part(0), state: 'done', receipt: { seconds: 1 } },
    { part: part(1), state: 'failed', failure: { message: 'no disk' } },
    { part: part(2), state: 'running', seconds: 0 },
  ])
  await running.discard()
  expect((await partStates(output, 'edges')).map(({ state }) => state)).toEqual(['done', 'failed'])
})
