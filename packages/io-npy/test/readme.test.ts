import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { temporaryFolder } from './support.js'

const inFolder = temporaryFolder()
// Inside the package, so that its imports resolve as they do for a reader who copies it.
const script = fileURLToPath(new URL('.readme-example.mjs', import.meta.url))
afterAll(() => rm(script, { force: true }))

it('The example of the README does what it says, with the built package', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1]
  const expected = /It prints:\n\n```\n(.*?)```/s.exec(readme)?.[1]
  await writeFile(script, example ?? '')
  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: inFolder('') })
  expect(expected).toBeTruthy()
  expect(stdout).toBe(expected)
})
