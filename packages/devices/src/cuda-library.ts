import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * ONNX Runtime's library for CUDA, which onnxruntime-node downloads where it is told to. Asking for the provider without
 * it prints errors to stderr that no option silences.
 */
export function cudaLibrary(): string | undefined {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const bin = join(root, 'bin')
  const builds = existsSync(bin) ? readdirSync(bin) : []
  const names = ['libonnxruntime_providers_cuda.so', 'onnxruntime_providers_cuda.dll']
  return builds
    .flatMap((build) => names.map((name) => join(bin, build, process.platform, process.arch, name)))
    .find(existsSync)
}
