import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openNpy } from '@facekit/io-npy'
import { softwareVulkan } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawAlbum } from './album.js'
import { writePeople } from './people.js'
import { builtFacekit, facekit, temporaryFolder } from './program.js'

const DEMO = fileURLToPath(new URL('../../../tools/demo/model/demo.pth', import.meta.url))
const vulkan = softwareVulkan()

const inFolder = temporaryFolder()
const album = inFolder('album')
process.env['XDG_CACHE_HOME'] = inFolder('cache')
beforeAll(() => drawAlbum(album, 3, 1))

const extractArgs = (...more: string[]) => ['extract', '--input', album, '--weights', DEMO, ...more]
const extract = (...more: string[]) => facekit(extractArgs(...more))
// The driver is looked for once in a process.
const extractOnGpu = (...more: string[]) => builtFacekit(extractArgs(...more), { env: vulkan! })

async function embeddingsIn(folder: string): Promise<Float32Array> {
  const file = await openNpy(join(folder, 'final_embs.npy'))
  return file.readFloat32().finally(async () => file.close())
}

describe('extract --provider', () => {
  it('cuda fails with the fix where there is no CUDA, and nothing is written', async () => {
    const output = inFolder('cuda')
    const { status, stderr } = await extract('--provider', 'cuda', '--output', output)
    expect(stderr).toMatch(
      /CUDA.*ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules\/onnxruntime-node\/script\/install/,
    )
    expect(status).toBe(3)
    expect(existsSync(output)).toBe(false)
  })

  it('cpu, and --no-use_gpu, take the CPU; both are not asked for together with a GPU', async () => {
    for (const more of [['--provider', 'cpu'], ['--no-use_gpu']]) {
      const { status, stderr } = await extract(...more, '--output', inFolder('cpu'), '--overwrite')
      expect(status, stderr).toBe(0)
      expect(stderr).toContain('on the CPU, as asked')
    }
    const refused = await extract('--no-use-gpu', '--provider', 'webgpu')
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('not both')])
    const devices = await extract('--devices', 'first')
    expect([devices.status, devices.stderr]).toEqual([2, expect.stringContaining('all or numbers')])
  })

  it.skipIf(!vulkan)(
    'webgpu gives what the CPU gives, in fp32 where the device has no fp16',
    async () => {
      await extract('--provider', 'cpu', '--output', inFolder('reference'))
      // Named twice, it is one device all the same: two sessions would spoil one another.
      const options = ['--provider', 'webgpu', '--devices', '0,0', '--batch-size', '2']
      const outcome = await extractOnGpu(...options, '--output', inFolder('webgpu'))
      // A software adapter is not taken without being asked for.
      const auto = await extractOnGpu('--output', inFolder('auto'))
      expect(outcome.status, outcome.stderr).toBe(0)
      expect(outcome.stderr).toMatch(
        /Running in fp32: the device does not run fp16[^]*on WebGPU, devices 0, 0/,
      )
      expect(auto.stderr).toMatch(/on the CPU \(no CUDA: .*; no WebGPU: no hardware for it\)/)
      const [cpu, gpu] = [await embeddingsIn(inFolder('reference')), await embeddingsIn(inFolder('webgpu'))]
      expect(gpu.length).toBe(3 * 128)
      for (let row = 0; row < 3; row++) {
        const [a, b] = [cpu, gpu].map((all) => all.subarray(row * 128, (row + 1) * 128))
        const product = a!.reduce((sum, value, i) => sum + value * b![i]!, 0)
        expect(product / (Math.hypot(...a!) * Math.hypot(...b!))).toBeGreaterThan(0.9999)
      }
    },
    180_000,
  )
})

describe('cluster --provider', () => {
  const people = inFolder('people')
  // Three tiles: one shard of one and one of two.
  beforeAll(() => writePeople(people, 1100, 64))
  const clusterArgs = (output: string, ...more: string[]) => {
    const folders = ['--input', people, '--output', inFolder(output)]
    return ['cluster', ...folders, '--save-groups', '0', ...more]
  }
  const cluster = (output: string, ...more: string[]) => facekit(clusterArgs(output, ...more))
  const clusterOnGpu = (output: string, ...more: string[]) =>
    builtFacekit(clusterArgs(output, '--provider', 'webgpu', ...more), { env: vulkan! })
  const labels = (output: string) =>
    ['classes', 'data_list'].map((name) =>
      readFileSync(inFolder(output, `fr_train_220_class_1K_data_${name}.npy`)),
    )

  it('cuda fails with the fix where there is no CUDA, and nothing is written', async () => {
    const { status, stderr } = await cluster('no-labels', '--provider', 'cuda')
    expect(stderr).toMatch(
      /CUDA.*ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules\/onnxruntime-node\/script\/install/,
    )
    expect(status).toBe(3)
    expect(existsSync(inFolder('no-labels'))).toBe(false)
  })

  it('takes no GPU for an engine that searches on the CPU', async () => {
    const refused = await cluster('refused', '--provider', 'webgpu', '--engine', 'tiles')
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('--engine screened')])
  })

  it('says what auto took, and why', async () => {
    const { status, stderr } = await cluster('auto-labels')
    expect(status, stderr).toBe(0)
    expect(stderr).toMatch(/search: .*, on (CUDA|WebGPU|the CPU \(no CUDA: .*; no WebGPU: .*\))/)
  })

  it.skipIf(!vulkan)(
    'webgpu gives the labels that the CPU gives, in one shard and in two',
    async () => {
      const cpu = await cluster('cpu-labels', '--provider', 'cpu')
      expect(cpu.stderr).not.toContain('Sharded')
      const one = await clusterOnGpu('one-shard', '--json')
      const two = await clusterOnGpu('two-shards', '--devices', '0,0')
      for (const { status, stderr } of [one, two]) {
        expect(status, stderr).toBe(0)
        expect(stderr).toContain('Sharded index across 1 GPU(s)')
      }
      expect(JSON.parse(one.stdout)).toMatchObject({ classes: 220, gpus: 1 })
      expect(labels('one-shard')).toEqual(labels('cpu-labels'))
      expect(labels('two-shards')).toEqual(labels('cpu-labels'))
    },
    180_000,
  )
})

describe('doctor', () => {
  it('reports on the machine, for people and for programs', async () => {
    const people = await facekit(['doctor'])
    expect(people.status, people.stderr).toBe(0)
    for (const fact of ['Node', 'CUDA', 'WebGPU', 'faiss-node', 'sharp', 'UV_THREADPOOL_SIZE', 'cache'])
      expect(people.stdout).toContain(fact)
    const { stdout } = await facekit(['doctor', '--json'])
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ node: process.version, providers: { cpu: 'ok' }, sharp: { missing: [] } })
    expect(report.cacheFolder).toBe(inFolder('cache', 'facekit'))
  })
})
