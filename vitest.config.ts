import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Packages resolve to their TypeScript sources, so that a test never sees a stale build.
  resolve: { conditions: ['@facekit/source'] },
  ssr: { resolve: { conditions: ['@facekit/source'] } },
  test: {
    // From the root of the workspace and from a package alike.
    include: ['**/test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
