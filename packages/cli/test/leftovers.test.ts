import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { facekit, outcomeOf, start, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()

it('cluster removes what a killed run left in its output, and says so', async () => {
  const output = inFolder('labels')
  const killed = start('cluster', '--output', output)
  // Not before: first it looks whether edges can be stored there.
  while (!existsSync(join(output, '.facekit-run'))) await sleep(20)
  killed.kill('SIGKILL')
  await outcomeOf(killed)
  expect(readdirSync(output)).toEqual(['.facekit-run'])

  // It fails, since there is no input, and has removed it by then.
  const { stderr } = await facekit(['cluster', '--output', output], new Uint8Array())
  expect(stderr).toContain(`Removed what a killed run left in ${output}\n`)
  expect(readdirSync(output)).toEqual([])
})
