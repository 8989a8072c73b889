import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.js'
import { ROOT, type Manifest, type WorkspacePackage } from './workspace.js'

export interface Packed extends WorkspacePackage {
  /** Absolute. */
  tarball: string
}

/**
 * Packs packages into a folder, which is made where it is missing. A program carries the packages that it needs, so
 * that its tarball is all that one installs; libraries find one another in the registry.
 */
export async function pack(packages: readonly WorkspacePackage[], folder: string): Promise<Packed[]> {
  await mkdir(folder, { recursive: true })
  const workspaces = packages.map(({ name }) => `--workspace=${name}`)
  await run('npm', ['pack', `--pack-destination=${folder}`, ...workspaces], { cwd: ROOT })
  const packed = packages.map((one) => ({ ...one, tarball: join(folder, tarballName(one)) }))
  for (const one of packed) if (one.bin) await carryNeeded(one, packed, folder)
  return packed
}

/** As npm names it. */
function tarballName({ name, version }: Manifest): string {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
}

/** Packs a package again, with those of the workspace that it needs inside. */
async function carryNeeded(program: Packed, packed: readonly Packed[], folder: string): Promise<void> {
  const stage = await mkdtemp(join(tmpdir(), 'facekit-pack-'))
  try {
    await unpack(program.tarball, stage)
    const needed = neededBy(program, packed)
    for (const { name, tarball } of needed) {
      const inside = join(stage, 'node_modules', name)
      await unpack(tarball, inside)
      // npm takes what a carried package depends on to be carried, too: the program depends on it instead.
      await editManifest(inside, { dependencies: {} })
    }
    await editManifest(stage, {
      dependencies: Object.assign({}, ...[...needed, program].map((one) => one.dependencies)) as object,
      bundleDependencies: needed.map(({ name }) => name),
    })
    await run('npm', ['pack', '--ignore-scripts', `--pack-destination=${folder}`], { cwd: stage })
  } finally {
    await rm(stage, { recursive: true })
  }
}

async function editManifest(folder: string, change: object): Promise<void> {
  const file = join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object
  await writeFile(file, JSON.stringify({ ...manifest, ...change }, null, 2))
}

/** Directly or not. */
function neededBy(program: Packed, packed: readonly Packed[]): Packed[] {
  const found = new Set([program])
  // A set that grows while it is walked is walked to its end.
  for (const { dependencies = {} } of found)
    for (const one of packed) if (dependencies[one.name] !== undefined) found.add(one)
  found.delete(program)
  return [...found]
}

async function unpack(tarball: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1'], { cwd: into })
}
