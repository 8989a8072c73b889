import { readFile } from 'node:fs/promises'
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import type { Packed } from './pack.js'

/** What publint and arethetypeswrong find in a tarball, a line each. */
export async function lintTarball({ tarball }: Packed): Promise<string[]> {
  const bytes = await readFile(tarball)
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true })
  const types = await checkPackage(createPackageFromTarballData(bytes))
  if (types.types === false) return ['no types']
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
    ...types.problems.filter(concernsUs).map((problem) => `arethetypeswrong: ${JSON.stringify(problem)}`),
  ]
}

/**
 * The packages are ES modules, which the Nodes that they run on let CommonJS require: arethetypeswrong knows that of
 * none. TypeScript's `node10` reads no `exports`; those who have it are asked to take `node16`, `nodenext` or `bundler`.
 */
function concernsUs(problem: Problem): boolean {
  return (
    problem.kind !== 'CJSResolvesToESM' &&
    !('resolutionKind' in problem && problem.resolutionKind === 'node10') &&
    !('resolutionOption' in problem && problem.resolutionOption === 'node10')
  )
}
