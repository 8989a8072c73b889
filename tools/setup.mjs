// Makes a bare clone ready: installs the dependencies and builds the packages where that has not been done.
// Plain Node, because it runs before anything is installed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// The install script of onnxruntime-node would fetch its CUDA library from elsewhere than the npm registry (docs/gpu.md).
// npm 10 runs it, and later ones go by "allowScripts" in package.json.
const env = { ONNXRUNTIME_NODE_INSTALL: 'skip', ...process.env }

/**
 * One line on stderr, since stdout belongs to what runs after the set-up; all that the command prints if it fails.
 *
 * @param {string} title
 * @param {string} command
 */
async function step(title, command) {
  process.stderr.write(`${title} …\n`)
  // By the shell, since npm is a script for it on Windows.
  const child = spawn(command, { cwd: root, shell: true, env, stdio: ['ignore', 'pipe', 'pipe'] })
  /** @type {Buffer[]} */
  const printed = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => printed.push(bytes))
  const [status] = await once(child, 'close')
  if (status === 0) return
  process.stderr.write(Buffer.concat(printed), () => process.exit(status ?? 1))
  // Nothing goes on meanwhile.
  await new Promise(() => {})
}

/** @param {string} file */
function modifiedMs(file) {
  return statSync(root + file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

// npm writes this file last: it is there, and newer than the lock, when what the lock names is installed.
if (modifiedMs('node_modules/.package-lock.json') < modifiedMs('package-lock.json')) {
  await step('Installing dependencies', 'npm ci --no-audit --no-fund')
}
await step('Building packages', 'npx nx run-many -t build --output-style=static')
