import { parentPort, workerData } from 'node:worker_threads'
import { DeviceSearch } from '../device/device-search.js'
import { CoreSearch } from './core-search.js'
import type { ThreadData, ThreadReply, ThreadRequest } from './search-messages.js'
import type { UnitSearch } from './unit-search.js'

/** A thread that searches units: ONNX Runtime blocks the thread that calls it. */
const port = parentPort!
const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

async function create({ setup, stop }: ThreadData): Promise<UnitSearch> {
  const isStopped = () => Atomics.load(stop, 0) === 1
  if (setup.kind === 'core') return CoreSearch.create(setup.options, isStopped)
  return DeviceSearch.create(setup.options, isStopped, (text) => reply({ kind: 'warning', text }))
}

// Requests wait for the sessions, and are answered one after the other.
let last = create(workerData as ThreadData)
last.then(
  ({ unfit }) => reply({ kind: 'ready', unfit }),
  (error: unknown) => reply({ kind: 'failure', error }),
)

async function answer(search: UnitSearch, request: ThreadRequest): Promise<void> {
  if (request === 'close') return search.close()
  const result = await search.search(request.unit, request.screening)
  const { source, target, similarity } = result.pairs
  const buffers = [source, target, similarity].map(({ buffer }) => buffer as ArrayBuffer)
  reply({ kind: 'result', unit: request.unit, result }, buffers)
}

port.on('message', (request: ThreadRequest) => {
  last = last.then(async (search) => {
    await answer(search, request).catch((error: unknown) => reply({ kind: 'failure', error }))
    return search
  })
  // Even where there is no search to close.
  if (request === 'close') last.finally(() => port.close()).catch(() => {})
})
