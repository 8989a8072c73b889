import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const SETUP = fileURLToPath(new URL('../../setup.mjs', import.meta.url))

const clone = mkdtempSync(join(tmpdir(), 'facekit-setup-'))
afterAll(() => rmSync(clone, { recursive: true }))
beforeAll(() => {
  for (const folder of ['tools', 'bin']) mkdirSync(join(clone, folder))
  copyFileSync(SETUP, join(clone, 'tools/setup.mjs'))
  writeFileSync(join(clone, 'package-lock.json'), '{}')
})

/** Runs the set-up of a clone in which npm and npx print two lines and end so. */
function setUp({ npm, npx }: { npm: number; npx: number }) {
  for (const [name, status] of Object.entries({ npm, npx })) {
    const program = join(clone, 'bin', name)
    writeFileSync(program, `#!/bin/sh\necho "${name} $1 out"\necho "${name} err" >&2\nexit ${status}\n`)
    chmodSync(program, 0o755)
  }
  const env = { ...process.env, PATH: `${join(clone, 'bin')}${delimiter}${process.env['PATH']}` }
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'tools/setup.mjs')], {
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe.skipIf(process.platform === 'win32')('the set-up of a clone', () => {
  it('says one line a step, on stderr', () => {
    expect(setUp({ npm: 0, npx: 0 })).toEqual({
      status: 0,
      stdout: '',
      stderr: 'Installing dependencies …\nBuilding packages …\n',
    })
  })

  it('shows all that a step printed where it fails, and ends as that does', () => {
    const build = setUp({ npm: 0, npx: 3 })
    expect(build.status).toBe(3)
    expect(build.stderr).toMatch(/^Installing dependencies …\nBuilding packages …\n/)
    expect(build.stderr).toContain('npx nx out\n')
    expect(build.stderr).toContain('npx err\n')
    expect(build.stderr).not.toContain('npm')

    const install = setUp({ npm: 2, npx: 0 })
    expect(install.status).toBe(2)
    expect(install.stderr).toContain('npm ci out\n')
    expect(install.stderr).not.toContain('Building')
  })

  it('installs only what is not installed', () => {
    const installed = join(clone, 'node_modules/.package-lock.json')
    mkdirSync(join(clone, 'node_modules'))
    writeFileSync(installed, '{}')
    expect(setUp({ npm: 1, npx: 0 }).stderr).toBe('Building packages …\n')
    utimesSync(installed, 1, 1)
    expect(setUp({ npm: 0, npx: 0 }).stderr).toContain('Installing dependencies …\n')
  })
})
