// Compiles faiss-node against the FAISS that the system has (Debian: apt-get install g++ libfaiss-dev libopenblas-dev) and puts it
// into node_modules, where its own install script cannot download a binary.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { peerDependencies } = JSON.parse(readFileSync(join(root, 'packages/index-faiss/package.json'), 'utf8'))
const installed = join(root, 'node_modules/faiss-node')

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
}

/** Node's C headers: where npm was told they are, beside this Node, or where a distribution puts them. */
function findHeaders() {
  const folders = [
    process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, 'include/node'),
    join(dirname(process.execPath), '../include/node'),
    '/usr/include/node',
  ]
  const found = folders.find((folder) => folder && existsSync(join(folder, 'node_api.h')))
  if (!found) throw new Error(`Expected node_api.h in one of ${folders.filter(Boolean).join(', ')}`)
  return found
}

if (existsSync(join(installed, 'build/Release/faiss-node.node'))) {
  console.error('faiss-node is built already')
  process.exit(0)
}

const work = mkdtempSync(join(tmpdir(), 'faiss-node-'))
try {
  writeFileSync(join(work, 'package.json'), '{"private":true}')
  run(
    'npm',
    'install',
    '--prefix',
    work,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `faiss-node@${peerDependencies['faiss-node']}`,
  )
  const modules = join(work, 'node_modules')
  const source = join(modules, 'faiss-node')
  // FAISS before 1.7.4 has idx_t inside Index only.
  writeFileSync(
    join(work, 'idx.h'),
    '#include <faiss/Index.h>\nnamespace faiss { using idx_t = Index::idx_t; }\n',
  )
  mkdirSync(join(source, 'build/Release'), { recursive: true })
  run(
    'g++',
    '-O2',
    '-std=c++17',
    '-shared',
    '-fPIC',
    '-w',
    '-DNAPI_VERSION=6',
    '-DNODE_ADDON_API_CPP_EXCEPTIONS',
    '-include',
    join(work, 'idx.h'),
    '-I',
    findHeaders(),
    '-I',
    join(modules, 'node-addon-api'),
    join(source, 'src/faiss.cc'),
    '-o',
    join(source, 'build/Release/faiss-node.node'),
    '-lfaiss',
    '-lopenblas',
    '-llapack',
    '-lgomp',
  )
  // With the few modules that it loads at run time inside, so that npm's own tree is left as it is.
  rmSync(installed, { recursive: true, force: true })
  cpSync(source, installed, { recursive: true })
  for (const name of ['bindings', 'file-uri-to-path']) {
    cpSync(join(modules, name), join(installed, 'node_modules', name), { recursive: true })
  }
  console.error('faiss-node is built')
} finally {
  rmSync(work, { recursive: true, force: true })
}
