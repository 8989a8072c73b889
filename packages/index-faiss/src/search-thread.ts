import { parentPort, workerData } from 'node:worker_threads'
import { CoreSearch } from './core-search.js'
import { DeviceSearch } from './device/device-search.js'
import type { ThreadReply, ThreadRequest, ThreadSetup } from './search-messages.js'
import type { UnitSearch } from './unit-search.js'

/** A thread that searches units: ONNX Runtime blocks the thread that calls it. */
const port = parentPort!
const reply = (message: ThreadReply) => port.postMessage(message)

async function create(setup: ThreadSetup): Promise<UnitSearch> {
  if (setup.kind === 'core') return CoreSearch.create(setup.options)
  return DeviceSearch.create(setup.options, (text) => reply({ kind: 'warning', text }))
}

// Requests wait for the sessions, and are answered one after the other.
let last = create(workerData as ThreadSetup)
last.then(
  ({ unfit }) => reply({ kind: 'ready', unfit }),
  (error: unknown) => reply({ kind: 'failure', error }),
)

async function answer(search: UnitSearch, request: ThreadRequest): Promise<void> {
  if (request === 'close') return search.close()
  const result = await search.search(request.unit, request.screening)
  reply({ kind: 'result', unit: request.unit, result })
}

port.on('message', (request: ThreadRequest) => {
  last = last.then(async (search) => {
    await answer(search, request).catch((error: unknown) => reply({ kind: 'failure', error }))
    return search
  })
  // Even where there is no search to close.
  if (request === 'close') last.finally(() => port.close()).catch(() => {})
})
