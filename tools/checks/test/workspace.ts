import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface Manifest {
  name: string
  version?: string
  license?: string
  type?: string
  engines?: Record<string, string>
  files?: string[]
  exports?: unknown
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

export interface WorkspacePackage {
  name: string
  /** Relative to the root. */
  folder: string
  manifest: Manifest
  /** Names of what its sources may import. */
  dependencies: ReadonlySet<string>
  /** Names of the packages that it needs, for itself or its tests. */
  needs: ReadonlySet<string>
  hasBuild: boolean
}

export function readText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readText(`${folder}/package.json`)) as Manifest
}

/** What lies under a folder of the workspace, `packages` or `tools`. */
export function packagesIn(parent: string): WorkspacePackage[] {
  const entries = readdirSync(join(ROOT, parent), { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = `${parent}/${name}`
      const manifest = readManifest(folder)
      const { optionalDependencies, peerDependencies, devDependencies } = manifest
      const used = Object.keys({ ...manifest.dependencies, ...optionalDependencies, ...peerDependencies })
      // Types come along with what they are the types of.
      const dependencies = new Set(used.filter((one) => !one.startsWith('@types/')))
      return {
        name: manifest.name,
        folder,
        manifest,
        dependencies,
        needs: new Set([...dependencies, ...Object.keys(devDependencies ?? {})]),
        hasBuild: manifest.scripts?.['build'] !== undefined,
      }
    })
}
