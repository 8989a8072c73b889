import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { printable } from '@facekit/core'
import {
  exactCodeRange,
  FULL_RANGE,
  hasGraphicsHardware,
  listAdapters,
  probe,
  type Adapter,
  type ProbeReply,
} from '@facekit/devices'
import { chooseEngine } from '@facekit/index-faiss'
import { imageLibrary } from '@facekit/preprocess'
import { defaultMemoryLimit } from '../memory.js'
import { ownVersion } from '../own-version.js'
import { cacheFolder } from '../weights/model-cache.js'

/** What libuv takes where UV_THREADPOOL_SIZE does not say. */
const DEFAULT_POOL_THREADS = 4

/** Instructions that decide how fast models and searches are, as /proc/cpuinfo names them. */
const CPU_FEATURES = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'amx_int8', 'asimddp', 'i8mm']

export interface Examination {
  facekit: string
  node: string
  platform: string
  cpu: {
    model: string
    threads: number
    features: string[] | undefined
    /** The largest 8-bit code that it multiplies exactly; undefined if none. */
    maxCode: number | undefined
  }
  memory: { totalBytes: number; defaultLimitBytes: number }
  /** `ok`, or why the provider does not start. */
  providers: { cuda: string; webgpu: string; cpu: string }
  /** Whether `--provider auto` would try WebGPU. */
  graphicsHardware: boolean
  adapters: Adapter[]
  /** `installed`, or why it does not load. */
  faissNode: string
  sharp: { sharp: string; vips: string; missing: string[] }
  /** Threads of Node that decode pictures. */
  poolThreads: number
  /** Of models made of PyTorch weights; none where the user has no home. */
  cacheFolder: string | undefined
}

/** Looks at the machine; nothing is changed. */
export async function examine(): Promise<Examination> {
  const [cuda, webgpu, cpu, adapters, features, range, faissNode] = await Promise.all([
    probe({ provider: 'cuda', index: 0 }),
    probe({ provider: 'webgpu', index: 0 }),
    probe({ provider: 'cpu', index: 0 }),
    listAdapters(),
    cpuFeatures(),
    exactCodeRange(),
    chooseEngine('faiss').then(
      () => 'installed',
      () => 'not installed (optional)',
    ),
  ])
  return {
    facekit: ownVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: {
      model: cpus()[0]?.model ?? 'unknown',
      threads: availableParallelism(),
      features,
      maxCode: range?.max,
    },
    memory: { totalBytes: totalmem(), defaultLimitBytes: defaultMemoryLimit() },
    providers: { cuda: outcome(cuda), webgpu: outcome(webgpu), cpu: outcome(cpu) },
    graphicsHardware: hasGraphicsHardware(),
    adapters,
    faissNode,
    sharp: imageLibrary(),
    poolThreads: Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_POOL_THREADS),
    cacheFolder: await cacheFolder(),
  }
}

/** One fact a line. */
export function describeExamination(examination: Examination): string {
  const { cpu, memory, providers, adapters, sharp } = examination
  const facts: [string, string][] = [
    ['facekit', examination.facekit],
    ['Node', `${examination.node}, ${examination.platform}`],
    ['CPU', `${cpu.model}, ${cpu.threads} threads`],
    ['CPU features', cpu.features?.join(' ') ?? 'unknown on this system'],
    ['8-bit products', describeProducts(cpu.maxCode)],
    [
      'memory',
      `${gigabytes(memory.totalBytes)}; cluster takes ${gigabytes(memory.defaultLimitBytes)} unless told otherwise`,
    ],
    ['CUDA', providers.cuda],
    [
      'WebGPU',
      `${providers.webgpu}${providers.webgpu === 'ok' && !examination.graphicsHardware ? ', on a software adapter: not taken by itself' : ''}`,
    ],
    ['CPU provider', providers.cpu],
    ...(adapters.length > 0
      ? adapters.map(({ name, memoryBytes, source }): [string, string] => [
          'GPU',
          `${name}${memoryBytes === undefined ? '' : `, ${gigabytes(memoryBytes)}`} (${source})`,
        ])
      : [['GPU', 'none that nvidia-smi or vulkaninfo names'] as [string, string]]),
    ['faiss-node', examination.faissNode],
    [
      'sharp',
      `${sharp.sharp}, libvips ${sharp.vips}${sharp.missing.length > 0 ? `, without ${sharp.missing.join(', ')}` : ''}`,
    ],
    ['decoding threads', `${examination.poolThreads} (UV_THREADPOOL_SIZE)`],
    ['cache', examination.cacheFolder ?? 'none: there is no home folder'],
  ]
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, fact]) => `${name.padEnd(width)}  ${printable(fact)}\n`).join('')
}

function outcome(reply: ProbeReply): string {
  return reply.works ? 'ok' : reply.reason
}

function describeProducts(maxCode: number | undefined): string {
  if (maxCode === undefined) return 'not exact: clusters by float32 products, several times slower'
  return maxCode === FULL_RANGE.max
    ? `exact up to ±${maxCode} (VNNI or the like)`
    : `exact up to ±${maxCode} (no VNNI: clusters half as fast)`
}

/** Undefined where the system does not list them. */
async function cpuFeatures(): Promise<string[] | undefined> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1]?.split(' ')
  return flags && CPU_FEATURES.filter((name) => flags.includes(name))
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
