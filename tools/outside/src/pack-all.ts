import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pack } from './pack.js'
import { publicPackages, ROOT } from './workspace.js'

for (const { tarball } of await pack(await publicPackages(), join(ROOT, 'packed'))) {
  const { size } = await stat(tarball)
  console.log(`${relative(ROOT, tarball)} ${Math.round(size / 1024)} KiB`)
}
