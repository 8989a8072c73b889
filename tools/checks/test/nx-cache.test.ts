import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js')

/** Names of the projects that a change of these files makes Nx build again. */
function affectedBy(...files: string[]): string[] {
  const args = [
    'show',
    'projects',
    '--affected',
    '--withTarget',
    'build',
    `--files=${files.join(',')}`,
    '--json',
  ]
  const printed = execFileSync(process.execPath, [nx, ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NX_DAEMON: 'false' },
  })
  return (JSON.parse(printed) as string[]).sort()
}

it('a change of core rebuilds all that depend on it, one of graph only graph and the programs', () => {
  expect(affectedBy('packages/core/src/batches.ts')).toEqual([
    '@facekit/core',
    '@facekit/demo',
    '@facekit/devices',
    '@facekit/embedder',
    '@facekit/graph',
    '@facekit/index-faiss',
    '@facekit/io-arrow',
    '@facekit/io-npy',
    '@facekit/iresnet',
    '@facekit/labels',
    '@facekit/onnx',
    '@facekit/pickle',
    '@facekit/preprocess',
    'facekit',
  ])
  expect(affectedBy('packages/graph/src/union-find.ts')).toEqual([
    '@facekit/demo',
    '@facekit/graph',
    'facekit',
  ])
})
