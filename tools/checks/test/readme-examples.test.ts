import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { packagesIn, ROOT } from './workspace.js'

it.concurrent.each(packagesIn('packages').map(({ folder }) => folder))(
  'the example in the README of %s prints what it says',
  async (folder) => {
    const readme = readFileSync(join(ROOT, folder, 'README.md'), 'utf8')
    const example = /```js\n([^]*?)```/.exec(readme)?.[1]
    const expected = /It prints:\n\n```\n([^]*?)```/.exec(readme)?.[1]
    expect(example, 'a ```js block').toBeDefined()
    expect(expected, 'what it prints').toBeDefined()

    // Inside the package, so that its imports resolve as they do for a reader who copies it.
    const script = join(ROOT, folder, '.readme-example.mjs')
    const cwd = await mkdtemp(join(tmpdir(), 'facekit-readme-'))
    try {
      await writeFile(script, example!)
      // Nx asks for colours, which would be printed into what is compared.
      const env = { ...process.env, FORCE_COLOR: '0' }
      const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd, env })
      expect(stdout).toBe(expected)
    } finally {
      await rm(script)
      await rm(cwd, { recursive: true })
    }
  },
)
