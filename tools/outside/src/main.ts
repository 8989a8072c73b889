import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { undeclaredTypes } from './declarations.js'
import { readExample } from './examples.js'
import { compile, installLibraries, runExample } from './library.js'
import { lintTarball } from './lint.js'
import { pack } from './pack.js'
import { tryProgram } from './program.js'
import { publicPackages } from './workspace.js'

const { values } = parseArgs({ options: { node: { type: 'string', default: process.execPath } } })
const { node } = values

let passed = 0
let failed = 0

/** Says how a check ended, and goes on: one run shows all that is wrong. */
async function check(title: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
    passed++
    console.log(`ok      ${title}`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${title}\n${(error as Error).message}`)
  }
}

const folder = await mkdtemp(join(tmpdir(), 'facekit-outside-'))
try {
  const packages = await pack(await publicPackages(), join(folder, 'packed'))
  for (const one of packages)
    await check(`the tarball of ${one.name} has no finding`, async () => {
      const findings = await lintTarball(one)
      if (findings.length > 0) throw new Error(findings.join('\n'))
    })

  for (const one of packages)
    await check(`${one.name} depends on all whose types it shows`, async () => {
      const missing = await undeclaredTypes(one)
      if (missing.length > 0) throw new Error(`Expected among its dependencies: ${missing.join(', ')}`)
    })

  const project = join(folder, 'project')
  const examples = await Promise.all(packages.map(readExample))
  await installLibraries(project, packages, examples)
  for (const resolution of ['bundler', 'nodenext'] as const)
    await check(`all examples compile with moduleResolution ${resolution}`, () =>
      compile(project, resolution),
    )
  for (const example of examples)
    for (const extension of ['mjs', 'cjs'] as const)
      await check(`the example of ${example.name} prints what it says, as .${extension}`, () =>
        runExample(project, node, example, extension),
      )

  for (const one of packages.filter(({ bin }) => bin))
    await check(`${one.name} works from its tarball alone`, () =>
      tryProgram(join(folder, one.name), node, one),
    )
} finally {
  await rm(folder, { recursive: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
