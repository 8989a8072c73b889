import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packagesIn, readText } from './workspace.js'

const packages = packagesIn('packages')
const boundaries = readText('.oxlintrc.json')

/** What oxlint lets the sources of each package import, of all that the workspace has and needs; by its folder. */
function importable(scratch: string): Map<string, Set<string>> {
  const names = new Set(packages.flatMap(({ dependencies }) => [...dependencies]))
  for (const { name } of [...packages, ...packagesIn('tools')]) names.add(name)
  // What is allowed and gone, too.
  for (const [, name] of boundaries.matchAll(/"!((?:@[\w-]+\/)?[\w-]+)["/]/g)) names.add(name!)

  writeFileSync(join(scratch, '.oxlintrc.json'), boundaries)
  for (const one of packages) {
    mkdirSync(join(scratch, one.folder, 'src'), { recursive: true })
    const imports = [...names].map((name) => `import type {} from '${name}'\n`)
    writeFileSync(join(scratch, one.folder, 'src/imports.ts'), imports.join(''))
  }
  const bin = join(dirname(createRequire(import.meta.url).resolve('oxlint/package.json')), 'bin/oxlint')
  const args = [bin, '--allow=all', '--deny=no-restricted-imports', '--format=json']
  const { stdout } = spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8' })
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { filename: string; message: string }[] }

  const left = new Map(packages.map((one) => [one.folder, new Set(names)]))
  for (const { filename, message } of diagnostics) {
    const refused = /^'([^']+)' import is restricted/.exec(message)?.[1]
    left.get(dirname(dirname(filename)).replaceAll('\\', '/'))?.delete(refused!)
  }
  return left
}

describe('the sources', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'facekit-boundaries-'))
  afterAll(() => rmSync(scratch, { recursive: true }))
  const allowed = importable(scratch)

  it.each(packages)('of $name may import its dependencies, and nothing else', ({ folder, dependencies }) => {
    expect(
      [...allowed.get(folder)!].toSorted(),
      `.oxlintrc.json, override of ${folder}/src/**: the names after "!" are to be the dependencies in ${folder}/package.json`,
    ).toEqual([...dependencies].toSorted())
  })

  it('have an override for each package, and none else', () => {
    const overridden = [...boundaries.matchAll(/"files": \["(.*)\/src\/\*\*"\]/g)].map(([, folder]) => folder)
    expect(overridden.toSorted(), '.oxlintrc.json: the overrides').toEqual(
      packages.map(({ folder }) => folder),
    )
  })
})

describe('the rows of ARCHITECTURE.md', () => {
  const drawing = /```\n([^]*?)```/.exec(readText('ARCHITECTURE.md'))![1]!
  const rows = drawing
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/[\s,]+/))
  const folders = new Map(packages.map(({ name, folder }) => [name, folder.replace('packages/', '')]))

  it('name packages that there are', () => {
    const known = new Set(folders.values())
    expect(
      rows.flat().filter((one) => !known.has(one)),
      'ARCHITECTURE.md, first drawing: no such folders in packages/',
    ).toEqual([])
  })

  it.each(packages)('hold for $name', ({ name, folder, dependencies }) => {
    const row = rows.findIndex((one) => one.includes(folders.get(name)!))
    expect(row, `ARCHITECTURE.md, first drawing: "${folders.get(name)}" is to be in a row`).not.toBe(-1)

    const above = row === 0 ? rows[0]! : rows.slice(0, row).flat()
    const used = [...dependencies].flatMap((one) => folders.get(one) ?? [])
    expect(
      used.filter((one) => !above.includes(one)),
      `${folder}/package.json: it may use ${above.join(', ')}; what it has in common with others is a type in core`,
    ).toEqual([])
  })
})
