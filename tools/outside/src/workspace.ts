import { fileURLToPath } from 'node:url'
import { run } from './run.js'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface Manifest {
  name: string
  version: string
  private?: boolean
  bin?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

export interface WorkspacePackage extends Manifest {
  /** Absolute. */
  path: string
}

/** The packages of the workspace that are for others. */
export async function publicPackages(): Promise<WorkspacePackage[]> {
  const all = JSON.parse(await run('npm', ['query', '.workspace'], { cwd: ROOT })) as WorkspacePackage[]
  return all.filter((one) => !one.private)
}
