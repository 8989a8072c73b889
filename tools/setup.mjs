// Makes a bare clone ready: installs the dependencies and builds the packages where that has not been done.
// Plain Node, because it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** stdout belongs to what runs after the set-up. */
function run(command, ...args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

function modifiedMs(file) {
  return statSync(root + file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

// npm writes this file last: it is there, and newer than the lock, when what the lock names is installed.
if (modifiedMs('node_modules/.package-lock.json') < modifiedMs('package-lock.json')) {
  run('npm', 'ci', '--no-audit', '--no-fund')
}
run('npx', 'nx', 'run-many', '-t', 'build', '--output-style=static')
