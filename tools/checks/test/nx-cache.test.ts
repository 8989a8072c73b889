import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { packagesIn, ROOT } from './workspace.js'

const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js')
const all = [...packagesIn('packages'), ...packagesIn('tools')]

/** Names of what is built and needs a package, directly or not, by what the package.json files say; itself included. */
function builtWith(name: string): string[] {
  const found = new Set([name])
  // A set that grows while it is walked is walked to its end.
  for (const needed of found) for (const one of all) if (one.needs.has(needed)) found.add(one.name)
  return all.filter((one) => one.hasBuild && found.has(one.name)).map((one) => one.name)
}

/** Names of the projects that a change of a file makes Nx build again. */
async function rebuiltAfter(file: string): Promise<string[]> {
  const args = ['show', 'projects', '--affected', '--withTarget', 'build', `--files=${file}`, '--json']
  const { stdout } = await promisify(execFile)(process.execPath, [nx, ...args], {
    cwd: ROOT,
    env: { ...process.env, NX_DAEMON: 'false' },
  })
  return JSON.parse(stdout) as string[]
}

it.concurrent.each(['@facekit/core', '@facekit/graph'])(
  'a change of %s rebuilds all that needs it, and nothing else',
  async (name) => {
    const { folder } = all.find((one) => one.name === name)!
    const rebuilt = await rebuiltAfter(`${folder}/src/index.ts`)
    expect(rebuilt.toSorted()).toEqual(builtWith(name).toSorted())
    expect(rebuilt).toContain('facekit')
  },
)
