import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { WorkspacePackage } from './workspace.js'

/**
 * Packages whose types a package shows in its own, and does not depend on: they are there where another one brings them,
 * and missing elsewhere.
 */
export async function undeclaredTypes({
  name,
  path,
  dependencies = {},
}: WorkspacePackage): Promise<string[]> {
  const shown = new Set<string>()
  const files = new Set([join(path, 'dist/index.d.ts')])
  // A set that grows while it is walked is walked to its end.
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    if (/\b(Buffer|NodeJS|AbortSignal)\b/.test(text)) shown.add('@types/node')
    for (const [, from] of text.matchAll(/(?:from|import\() ?['"]([^'"]+)['"]/g)) {
      if (from!.startsWith('.')) files.add(join(dirname(file), from!.replace(/\.js$/, '.d.ts')))
      else if (from!.startsWith('node:')) shown.add('@types/node')
      else shown.add(/^(@[^/]+\/)?[^/]+/.exec(from!)![0])
    }
  }
  return [...shown].filter((one) => one !== name && dependencies[one] === undefined)
}
