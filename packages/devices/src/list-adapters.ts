import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A GPU as its driver's own tool names it. */
export interface Adapter {
  name: string
  /** Where the tool tells it. */
  memoryBytes: number | undefined
  /** The tool that was asked. */
  source: string
}

const TIMEOUT_MS = 3000

/** The GPUs that nvidia-smi and vulkaninfo know, where they are installed: ONNX Runtime names none. */
export async function listAdapters(): Promise<Adapter[]> {
  const [nvidia, vulkan] = await Promise.all([
    outputOf('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits']),
    outputOf('vulkaninfo', ['--summary']),
  ])
  return [...parseNvidia(nvidia), ...parseVulkan(vulkan)]
}

/** Empty where there is no such tool, or it fails. */
async function outputOf(tool: string, args: string[]): Promise<string> {
  return promisify(execFile)(tool, args, { timeout: TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    () => '',
  )
}

/** Lines of `name, MiB`. */
export function parseNvidia(output: string): Adapter[] {
  const lines = output.split('\n').filter((line) => line.includes(','))
  return lines.map((line) => {
    const [name = '', mebibytes] = line.split(',').map((part) => part.trim())
    const memory = Number(mebibytes)
    return {
      name,
      memoryBytes: Number.isFinite(memory) ? memory * 2 ** 20 : undefined,
      source: 'nvidia-smi',
    }
  })
}

/** Lines of `deviceName = …`. */
export function parseVulkan(output: string): Adapter[] {
  const names = output.matchAll(/^\s*deviceName\s*=\s*(.+?)\s*$/gm)
  return Array.from(names, ([, name = '']) => ({ name, memoryBytes: undefined, source: 'vulkaninfo' }))
}
