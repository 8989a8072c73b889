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

/** The imports that an example begins with. */
const HEAD = /^(?:import [^]*? from '[^']+'\n)*/

/** What an example imports, without Node's own modules. */
export function importsOf({ code }: Example): string[] {
  return [...HEAD.exec(code)![0].matchAll(/ from '([^']+)'/g)]
    .map(([, name]) => name!)
    .filter((name) => !name.startsWith('node:'))
}

/** The same for CommonJS, where TypeScript makes `require` of `import`, and nothing is awaited outside of a function. */
export function asCommonJs({ code }: Example): string {
  const [head] = HEAD.exec(code)!
  return `${head}async function example() {\n${code.slice(head.length)}}\nvoid example()\n`
}
