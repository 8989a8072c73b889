import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagesIn, ROOT } from './workspace.js'

interface Manifest {
  keywords?: string[]
  license?: string
  engines?: object
  repository?: { type: string; url: string; directory?: string }
  homepage?: string
  bugs?: object
  publishConfig?: { access?: string }
  files?: string[]
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
}

const read = (folder: string) =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest
const root = read('.')
const packages = packagesIn('packages').map((one) => ({ ...one, manifest: read(one.folder) }))

/** Packages that need another one, directly or through others of the workspace. */
function thatInstall(library: string): typeof packages {
  const found = new Set(packages.filter(({ manifest }) => manifest.dependencies?.[library] !== undefined))
  // A set that grows while it is walked is walked to its end.
  for (const { name } of found)
    for (const one of packages) if (one.manifest.dependencies?.[name] !== undefined) found.add(one)
  return [...found]
}

describe.each(packages)('$name', ({ folder, manifest }) => {
  it('says what it is, where it comes from, and that all may have it', () => {
    expect(manifest.keywords?.length).toBeGreaterThan(2)
    expect(manifest.publishConfig).toEqual({ access: 'public' })
    expect([manifest.license, manifest.engines]).toEqual([root.license, root.engines])
    // Where the project lives is said once, in the package.json of the root: here is what follows from it.
    expect(manifest.repository).toEqual(root.repository && { ...root.repository, directory: folder })
    expect([manifest.homepage, manifest.bugs]).toEqual([root.homepage, root.bugs])
  })

  it('is packed as built, and without what only the compiler reads', () => {
    expect(manifest.scripts?.['prepack']).toBe(manifest.scripts?.['build'])
    expect(manifest.files).toContain('!dist/.tsbuildinfo')
  })
})

it.each(thatInstall('onnxruntime-node'))(
  'the README of $name says how it is installed without CUDA, and how with it',
  ({ folder }) => {
    const lines = readFileSync(join(ROOT, folder, 'README.md'), 'utf8').split('\n')
    const line = lines.find((one) => one.startsWith('**Installing**'))
    expect(line).toContain('`ONNXRUNTIME_NODE_INSTALL=skip npm install …` leaves it out')
    expect(line).toContain('For CUDA install without `skip`')
  },
)
