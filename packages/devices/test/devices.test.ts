import { describe, expect, it } from 'vitest'
import { hasGraphicsHardware } from '../src/adapters.js'
import { chooseDevices, probe, sessionOptions, type DeviceProbes } from '../src/index.js'
import { parseNvidia, parseVulkan } from '../src/list-adapters.js'

function machine(
  works: readonly string[],
  { cards = 1, hardware = true } = {},
): DeviceProbes & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    probe: async ({ provider }) => {
      asked.push(provider)
      return works.includes(provider) ? { works: true } : { works: false, reason: `no driver of ${provider}` }
    },
    cudaDevices: () => cards,
    hasGraphicsHardware: () => hardware,
  }
}

describe('chooseDevices', () => {
  it('takes all CUDA devices where CUDA works', async () => {
    const { devices, reason } = await chooseDevices(
      { provider: 'auto' },
      machine(['cuda', 'webgpu'], { cards: 3 }),
    )
    expect(devices).toEqual([0, 1, 2].map((index) => ({ provider: 'cuda', index })))
    expect(reason).toBe('on CUDA, devices 0, 1, 2')
  })

  it('takes WebGPU where CUDA does not, and says why', async () => {
    const { devices, reason } = await chooseDevices({ provider: 'auto' }, machine(['webgpu']))
    expect(devices).toEqual([{ provider: 'webgpu', index: 0 }])
    expect(reason).toBe('on WebGPU, device 0 (no CUDA: no driver of cuda)')
  })

  it('does not take a software adapter by itself, nor ask for it', async () => {
    const there = machine(['webgpu'], { hardware: false })
    const { devices, reason } = await chooseDevices({ provider: 'auto' }, there)
    expect(devices).toEqual([{ provider: 'cpu', index: 0 }])
    expect(reason).toBe('on the CPU (no CUDA: no driver of cuda; no WebGPU: no hardware for it)')
    expect(there.asked).toEqual(['cuda'])
    expect((await chooseDevices({ provider: 'webgpu' }, there)).devices).toEqual([
      { provider: 'webgpu', index: 0 },
    ])
  })

  it.each(['cuda', 'webgpu'] as const)(
    'refuses %s with the fix where it was asked for and does not start',
    async (provider) => {
      const failure = chooseDevices({ provider }, machine([]))
      await expect(failure).rejects.toMatchObject({ code: 'PROVIDER' })
      await expect(failure).rejects.toThrow(
        provider === 'cuda'
          ? /no driver of cuda.*ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules\/onnxruntime-node\/script\/install/
          : /Vulkan loader/,
      )
    },
  )

  it('takes the devices that are named, one several times if so, and refuses those that are not there', async () => {
    const there = machine(['cuda'], { cards: 2 })
    const named = await chooseDevices({ provider: 'cuda', indices: [1, 1] }, there)
    expect(named.devices.map(({ index }) => index)).toEqual([1, 1])
    await expect(chooseDevices({ provider: 'cuda', indices: [2] }, there)).rejects.toThrow('from 0 to 1')
  })

  it('asks nothing for the CPU', async () => {
    const there = machine([])
    expect((await chooseDevices({ provider: 'cpu' }, there)).devices).toEqual([{ provider: 'cpu', index: 0 }])
    expect(there.asked).toEqual([])
  })
})

describe('this machine', () => {
  it('runs the CPU provider', async () => {
    expect(await probe({ provider: 'cpu', index: 0 })).toEqual({ works: true })
  })
})

describe('sessionOptions', () => {
  it('lets nothing fall back to the CPU', () => {
    const { executionProviders, extra } = sessionOptions({ provider: 'cuda', index: 1 })
    expect(executionProviders).toEqual([{ name: 'cuda', deviceId: 1 }])
    expect(extra).toEqual({ session: { disable_cpu_ep_fallback: '1' } })
  })
})

describe('hasGraphicsHardware', () => {
  const linux = (folders: Record<string, string[]>, env = {}) =>
    hasGraphicsHardware({ platform: 'linux', env, list: (folder) => folders[folder] ?? [] })

  it('goes by the devices of Linux, and by Vulkan’s variables', () => {
    expect(linux({ '/dev': ['null', 'nvidia0'] })).toBe(true)
    expect(linux({ '/dev': ['null'], '/dev/dri': ['card0', 'renderD128'] })).toBe(true)
    expect(linux({ '/dev': ['null', 'nvidiactl'], '/dev/dri': ['card0'] })).toBe(false)
    const software = { VK_ICD_FILENAMES: '/usr/lib/chromium/vk_swiftshader_icd.json' }
    expect(linux({ '/dev': ['nvidia0'] }, software)).toBe(false)
  })
})

describe('listAdapters', () => {
  it('reads what the drivers’ tools print', () => {
    expect(parseNvidia('NVIDIA H100 80GB HBM3, 81559\nTesla T4, [N/A]\n')).toEqual([
      { name: 'NVIDIA H100 80GB HBM3', memoryBytes: 81559 * 2 ** 20, source: 'nvidia-smi' },
      { name: 'Tesla T4', memoryBytes: undefined, source: 'nvidia-smi' },
    ])
    const summary = 'GPU0:\n\tapiVersion = 1.3\n\tdeviceName         = SwiftShader Device (Subzero)\n'
    expect(parseVulkan(summary).map(({ name }) => name)).toEqual(['SwiftShader Device (Subzero)'])
    expect([...parseNvidia(''), ...parseVulkan('')]).toEqual([])
  })
})
