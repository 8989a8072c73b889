import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url))

it.each(readdirSync(PACKAGES))('the example in the README of %s prints what it says', async (name) => {
  const readme = readFileSync(join(PACKAGES, name, 'README.md'), 'utf8')
  const example = /```js\n([^]*?)```/.exec(readme)?.[1]
  const expected = /It prints:\n\n```\n([^]*?)```/.exec(readme)?.[1]
  expect(example, 'a ```js block').toBeDefined()
  expect(expected, 'what it prints').toBeDefined()

  // Inside the package, so that its imports resolve as they do for a reader who copies it.
  const script = join(PACKAGES, name, '.readme-example.mjs')
  const folder = mkdtempSync(join(tmpdir(), 'facekit-readme-'))
  try {
    writeFileSync(script, example!)
    // Nx asks for colours, which would be printed into what is compared.
    const env = { ...process.env, FORCE_COLOR: '0' }
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder, env })
    expect(stdout).toBe(expected)
  } finally {
    rmSync(script)
    rmSync(folder, { recursive: true })
  }
})
