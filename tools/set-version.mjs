// Gives all packages of the workspace a version, in which they take one another: npm version leaves the latter as it is.
// node tools/set-version.mjs 0.2.0
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [version = ''] = process.argv.slice(2)
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
  throw new Error(`Expected a version such as 0.2.0 but received ${version || 'none'}`)

const manifests = ['packages', 'tools']
  .flatMap((folder) => readdirSync(root + folder).map((name) => `${root}${folder}/${name}/package.json`))
  .filter((file) => existsSync(file))
  .map((file) => ({ file, manifest: JSON.parse(readFileSync(file, 'utf8')) }))
const names = new Set(manifests.map(({ manifest }) => manifest.name))

for (const { file, manifest } of manifests) {
  manifest.version = version
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'])
    for (const name of Object.keys(manifest[kind] ?? {})) if (names.has(name)) manifest[kind][name] = version
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
}
execFileSync('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'], {
  cwd: root,
  // npm is a script for the shell on Windows.
  shell: true,
  stdio: 'inherit',
})
