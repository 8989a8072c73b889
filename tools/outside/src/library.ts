import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asCommonJs, importsOf, type Example } from './examples.js'
import type { Packed } from './pack.js'
import { run } from './run.js'

const TSC = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')))

/** As strict as a user may have it; @types/node has to come with the packages. */
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
}

/** Makes a project that has the packages, from their tarballs, and what their examples import besides. */
export async function installLibraries(
  project: string,
  packages: readonly Packed[],
  examples: readonly Example[],
): Promise<void> {
  await mkdir(join(project, 'src'), { recursive: true })
  const tarballs = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))
  const versions = new Map(
    packages.flatMap(({ dependencies, devDependencies }) =>
      Object.entries({ ...devDependencies, ...dependencies }),
    ),
  )
  const others = new Set(examples.flatMap(importsOf))
  const dependencies = {
    ...Object.fromEntries([...others].map((name) => [name, versions.get(name)])),
    ...tarballs,
  }
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies }),
  )
  await install(project)
  for (const example of examples) {
    await writeFile(join(project, 'src', `${example.file}.mts`), example.code)
    await writeFile(join(project, 'src', `${example.file}.cts`), asCommonJs(example))
  }
}

export async function install(cwd: string, ...args: string[]): Promise<void> {
  const env = { ONNXRUNTIME_NODE_INSTALL: 'skip' }
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...args], { cwd, env })
}

/** Compiles all examples, as ES modules and as CommonJS. */
export async function compile(project: string, moduleResolution: 'nodenext' | 'bundler'): Promise<void> {
  const compilerOptions = {
    ...STRICT,
    moduleResolution,
    module: moduleResolution === 'bundler' ? 'preserve' : 'nodenext',
    ...(moduleResolution === 'bundler' ? { noEmit: true } : { rootDir: 'src', outDir: 'dist' }),
  }
  const file = `tsconfig.${moduleResolution}.json`
  await writeFile(join(project, file), JSON.stringify({ compilerOptions, include: ['src'] }))
  await run(process.execPath, [TSC, '-p', file], { cwd: project })
}

/** Runs a compiled example in a folder of its own, and compares what it prints with what its README says. */
export async function runExample(
  project: string,
  node: string,
  { file, prints }: Example,
  extension: 'mjs' | 'cjs',
): Promise<void> {
  const cwd = join(project, `${file}-${extension}`)
  await mkdir(cwd)
  // Something may ask for colours, which would be printed into what is compared.
  const env = { FORCE_COLOR: '0' }
  const printed = await run(node, [join(project, 'dist', `${file}.${extension}`)], { cwd, env })
  if (printed !== prints) throw new Error(`Expected\n${prints}but it printed\n${printed}`)
}
