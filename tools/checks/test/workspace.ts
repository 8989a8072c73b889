import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface WorkspacePackage {
  name: string
  /** Relative to the root. */
  folder: string
  /** Names of the packages of the workspace that it needs, for itself or its tests. */
  needs: ReadonlySet<string>
  hasBuild: boolean
}

interface Manifest {
  name: string
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

/** What lies under a folder of the workspace, `packages` or `tools`. */
export function packagesIn(parent: string): WorkspacePackage[] {
  const entries = readdirSync(join(ROOT, parent), { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = `${parent}/${name}`
      const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest
      return {
        name: manifest.name,
        folder,
        needs: new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })),
        hasBuild: manifest.scripts?.['build'] !== undefined,
      }
    })
}
