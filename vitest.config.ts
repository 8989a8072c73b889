import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/** Tests whose random cases have many rounds in `npm run test:long`. */
function testsWithRounds(): string[] {
  return ['packages', 'tools']
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => `${folder}/${String(name)}`))
    .filter((file) => file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes('rounds('))
}

export default defineConfig(({ mode }) => ({
  // Packages resolve to their TypeScript sources, so that a test never sees a stale build.
  resolve: { conditions: ['@facekit/source'] },
  ssr: { resolve: { conditions: ['@facekit/source'] } },
  test: {
    // From the root of the workspace and from a package alike.
    include: mode === 'long' ? testsWithRounds() : ['**/test/**/*.test.ts'],
    env: mode === 'long' ? { FACEKIT_LONG: '1' } : {},
    // Left alone, vitest keeps a core for itself: of two that is half.
    maxWorkers: '100%',
    testTimeout: mode === 'long' ? 600_000 : 60_000,
    hookTimeout: 60_000,
  },
}))
