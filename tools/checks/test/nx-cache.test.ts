import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packagesIn, ROOT, type WorkspacePackage } from './workspace.js'

const all = [...packagesIn('packages'), ...packagesIn('tools')]

function nx(...args: string[]): string {
  const bin = createRequire(import.meta.url).resolve('nx/bin/nx.js')
  const env = { ...process.env, NX_DAEMON: 'false' }
  return execFileSync(process.execPath, [bin, ...args], { cwd: ROOT, env, encoding: 'utf8' })
}

/** What is built and needs a package, directly or not, by what the package.json files say; itself included. */
function builtWith({ name }: WorkspacePackage): string[] {
  const found = new Set([name])
  // A set that grows while it is walked is walked to its end.
  for (const needed of found) for (const one of all) if (one.needs.has(needed)) found.add(one.name)
  return all.filter((one) => one.hasBuild && found.has(one.name)).map((one) => one.name)
}

describe('Nx', () => {
  const folder = mkdtempSync(join(tmpdir(), 'facekit-nx-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('knows which package needs which, as their package.json files say', () => {
    const file = join(folder, 'graph.json')
    nx('graph', `--file=${file}`)
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as {
      graph: { dependencies: Record<string, { target: string; type: string }[]> }
    }
    const names = new Set(all.map(({ name }) => name))
    const declared = all.map(({ name, needs }) => [
      name,
      [...needs].filter((one) => names.has(one)).toSorted(),
    ])
    const seen = Object.entries(graph.dependencies).map(([name, needs]) => [
      name,
      // Those of the checks, which look at files of all packages, are implicit.
      needs
        .filter(({ type }) => type !== 'implicit')
        .map(({ target }) => target)
        .toSorted(),
    ])
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(declared))
  })

  it('builds again what needs a package that changed, and nothing else', () => {
    const [most] = packagesIn('packages').toSorted((a, b) => builtWith(b).length - builtWith(a).length)
    const file = `${most!.folder}/src/index.ts`
    const rebuilt = nx('show', 'projects', '--affected', '--withTarget', 'build', `--files=${file}`, '--json')
    expect((JSON.parse(rebuilt) as string[]).toSorted(), file).toEqual(builtWith(most!).toSorted())
  })
})
