import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Packages resolve to their TypeScript sources, so that a test never sees a stale build.
  resolve: { conditions: ['@facekit/source'] },
  ssr: { resolve: { conditions: ['@facekit/source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'tools/*/test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
