import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packagesIn, ROOT } from './workspace.js'

const run = promisify(execFile)
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

/** A block of code in a README, in a file within its package: so its imports resolve as they do for a reader who copies it. */
interface Example {
  folder: string
  code: string
  /** Without its ending. */
  file: string
}

const readmes = packagesIn('packages').map(({ folder }) => ({
  folder,
  text: readFileSync(join(ROOT, folder, 'README.md'), 'utf8'),
}))
const examples = readmes.flatMap(({ folder, text }) =>
  [...text.matchAll(/```(?:js|ts)\n([^]*?)```/g)].map<Example>(([, code], i) => ({
    folder,
    code: code!,
    file: join(ROOT, folder, `.readme-example-${i}`),
  })),
)
const options = join(ROOT, '.readme-examples.json')
const strict = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noUnusedLocals: true,
  module: 'nodenext',
  target: 'es2023',
  types: ['node'],
  skipLibCheck: false,
}

let said = ''
beforeAll(async () => {
  for (const { file, code } of examples) await writeFile(`${file}.mts`, code)
  const files = examples.map(({ file }) => `${file}.mts`)
  await writeFile(options, JSON.stringify({ compilerOptions: strict, files }))
  const outcome = await run(process.execPath, [tsc, '-p', options], { cwd: ROOT }).catch(
    (error: { stdout: string }) => error,
  )
  said = outcome.stdout
}, 120_000)
afterAll(async () => {
  for (const { file } of examples)
    for (const ending of ['mts', 'mjs']) await rm(`${file}.${ending}`, { force: true })
  await rm(options, { force: true })
})

describe('the READMEs of packages', () => {
  it('compile, as their readers would have it', () => {
    expect(said).toBe('')
  })

  it.concurrent.each(readmes)('the example of $folder prints what it says', async ({ folder, text }) => {
    const expected = /It prints:\n\n```\n([^]*?)```/.exec(text)?.[1]
    const example = examples.find((one) => one.folder === folder)
    expect(example, 'a ```ts block').toBeDefined()
    expect(expected, 'what it prints').toBeDefined()

    const cwd = await mkdtemp(join(tmpdir(), 'facekit-readme-'))
    try {
      // Nx asks for colours, which would be printed into what is compared.
      const env = { ...process.env, FORCE_COLOR: '0' }
      const { stdout } = await run(process.execPath, [`${example!.file}.mjs`], { cwd, env })
      expect(stdout).toBe(expected)
    } finally {
      await rm(cwd, { recursive: true })
    }
  })
})
