// node check.mjs [--provider auto|cuda|webgpu] [--devices 0,1] [--size full|small]: see README.md
import { parseArgs } from 'node:util'
import { chooseDevices, listAdapters } from '@facekit/devices'
import { checkEmbeddings } from './embeddings.mjs'
import { measurePeak } from './peak.mjs'
import { checkSearch } from './search.mjs'
import { SIZES } from './sizes.mjs'

const { values } = parseArgs({
  options: {
    provider: { type: 'string', default: 'auto' },
    devices: { type: 'string' },
    size: { type: 'string', default: 'full' },
  },
})
const size = SIZES[/** @type {keyof typeof SIZES} */ (values.size)]
if (!size) throw new Error(`Expected --size full or small but received ${values.size}`)

const indices = values.devices?.split(',').map(Number)
if (indices && !indices.every(Number.isInteger))
  throw new Error(`Expected --devices such as 0,1 but received ${values.devices}`)
const { devices, reason } = await chooseDevices({
  provider: /** @type {import('@facekit/devices').DeviceWish['provider']} */ (values.provider),
  indices,
})
console.log(
  `- ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${process.platform}: ${reason}`,
)
if (devices[0].provider === 'cpu') {
  console.log('- There is no GPU to check')
  process.exit(1)
}
for (const { name, memoryBytes, source } of await listAdapters())
  console.log(`- ${name}${memoryBytes ? `, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB` : ''} (${source})`)

/** @type {string[]} */
const faults = []
// One after the other: WebGPU suffers no two threads at once.
const peak = await measurePeak(devices[0], size)
await checkSearch(devices, size, peak, faults)
await checkEmbeddings(devices, size, faults)
console.log(faults.length === 0 ? '- All results are right' : `- WRONG: ${faults.join('; ')}`)
process.exitCode = faults.length === 0 ? 0 : 1
