import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagesIn, readManifest, readText, ROOT, type Manifest } from './workspace.js'

const packages = packagesIn('packages')
const all = [...packages, ...packagesIn('tools')]

/** What a package needs in any way, with versions. */
function needsOf(manifest: Partial<Manifest>): Record<string, string> {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = manifest
  return { ...dependencies, ...optionalDependencies, ...peerDependencies, ...devDependencies }
}

const { license, type, engines } = readManifest('.')
const { version } = readManifest('packages/core')

describe.each(packages)('$folder', ({ name, folder, manifest }) => {
  const at = `${folder}/package.json`

  it('is published as the others are', () => {
    expect({ ...manifest }, at).toMatchObject({ version, license, type, engines })
    expect(
      manifest.exports,
      `${at}: "exports", so that tests take the sources and users what was built`,
    ).toMatchObject({
      '.': {
        '@facekit/source': './src/index.ts',
        types: './dist/index.d.ts',
        default: './dist/index.js',
      },
    })
    expect(manifest.files, `${at}: "files"`).toEqual(
      expect.arrayContaining(['dist', 'src', 'README.md', 'LICENSE']),
    )
    expect(manifest.scripts, `${at}: "scripts", which are the targets of Nx`).toMatchObject({
      build: 'tsc -b',
      test: 'vitest run',
      lint: 'oxlint --deny-warnings .',
    })
  })

  it('has a licence and a README', () => {
    const textOf = (file: string) => (existsSync(join(ROOT, file)) ? readText(file) : 'none')
    const isCopy = textOf(`${folder}/LICENSE`) === readText('LICENSE')
    expect(isCopy, `${folder}/LICENSE: a copy of the root's`).toBe(true)
    const [title] = textOf(`${folder}/README.md`).split('\n')
    expect(title, `${folder}/README.md: its title`).toBe(`# ${name}`)
  })

  it('is in the table of packages of the README', () => {
    const start = `| [\`${name}\`](${folder})`
    expect(
      readText('README.md')
        .split('\n')
        .filter((line) => line.startsWith(start)),
      `README.md, "Packages": a row "${start} | what it does |"`,
    ).toHaveLength(1)
  })
})

it('the table of packages of the README has none that is not there', () => {
  const links = readText('README.md').matchAll(/^\| \[`[^`]+`\]\((packages\/[^)]+)\)/gm)
  expect([...links].map(([, folder]) => folder).toSorted(), 'README.md, "Packages"').toEqual(
    packages.map(({ folder }) => folder).toSorted(),
  )
})

describe.each(all)('$folder', ({ folder, manifest }) => {
  it('is of the version of all, and takes the others in that', () => {
    expect(manifest.version, `${folder}/package.json: "version"`).toBe(version)
    const wanted = needsOf(manifest)
    for (const { name } of all)
      expect(wanted[name] ?? version, `${folder}/package.json: the version of "${name}"`).toBe(version)
  })

  it('is in the lock as it is', () => {
    const lock = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Manifest> }
    expect(needsOf(lock.packages[folder] ?? {}), 'package-lock.json: npm install writes it').toEqual(
      needsOf(manifest),
    )
  })
})

it.each(all.filter((one) => one.hasBuild))('$folder is built after what it needs', (one) => {
  const { references = [] } = JSON.parse(readText(`${one.folder}/tsconfig.json`)) as {
    references?: { path: string }[]
  }
  const needed = all.filter(({ name, hasBuild }) => hasBuild && one.dependencies.has(name))
  expect(
    references.map(({ path }) => path).toSorted(),
    `${one.folder}/tsconfig.json: "references" are to be the dependencies in the workspace`,
  ).toEqual(needed.map(({ folder }) => relative(one.folder, folder).replaceAll('\\', '/')).toSorted())
})

it('a library that several packages use is of one version', () => {
  const taken = new Map<string, string>()
  for (const { folder, manifest } of packages)
    for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
      expect(range, `${folder}/package.json: the version of "${name}"`).toBe(taken.get(name) ?? range)
      taken.set(name, range)
    }
})
