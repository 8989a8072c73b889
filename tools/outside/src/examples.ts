import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkspacePackage } from './workspace.js'

/** The example in the README of a package. */
export interface Example {
  /** Of the package. */
  name: string
  /** A name for files. */
  file: string
  code: string
  prints: string
}

export async function readExample({ name, path }: WorkspacePackage): Promise<Example> {
  const readme = await readFile(join(path, 'README.md'), 'utf8')
  const code = /```[jt]s\n([^]*?)```/.exec(readme)?.[1]
  const prints = /It prints:\n\n```\n([^]*?)```/.exec(readme)?.[1]
  if (code === undefined || prints === undefined)
    throw new Error(`Expected an example and what it prints in ${join(path, 'README.md')}`)
  return { name, file: name.replace(/.*\//, ''), code, prints }
}

/** What an example imports, without Node's own modules. */
export function importsOf({ code }: Example): string[] {
  return [...code.matchAll(/^import .* from '([^']+)'/gm)]
    .map(([, name]) => name!)
    .filter((name) => !name.startsWith('node:'))
}

/** The same for CommonJS, where TypeScript makes `require` of `import`, and nothing is awaited outside of a function. */
export function asCommonJs({ code }: Example): string {
  const lines = code.split('\n')
  const afterImports = lines.findLastIndex((line) => line.startsWith('import ')) + 1
  const body = lines.slice(afterImports).map((line) => `  ${line}`)
  return [
    ...lines.slice(0, afterImports),
    'async function example() {',
    ...body,
    '}',
    'void example()',
    '',
  ].join('\n')
}
