import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadReply, ThreadRequest } from './tile-messages.js'
import { TileSearch, type TileSearchOptions } from './tile-search.js'

/** A thread that searches tiles: ONNX Runtime blocks the thread that calls it. */
const port = parentPort!
const reply = (message: ThreadReply) => port.postMessage(message)

// Requests wait for the sessions, and are answered one after the other.
let last: Promise<TileSearch> = TileSearch.create(workerData as TileSearchOptions)
last.then(
  ({ exact }) => reply({ kind: 'ready', exact }),
  (error: unknown) => reply({ kind: 'failure', error }),
)

async function answer(search: TileSearch, request: ThreadRequest): Promise<void> {
  if (request === 'close') search.close()
  else
    reply({
      kind: 'result',
      unit: request.unit,
      result: await search.search(request.unit, request.screening),
    })
}

port.on('message', (request: ThreadRequest) => {
  last = last.then(async (search) => {
    await answer(search, request).catch((error: unknown) => reply({ kind: 'failure', error }))
    return search
  })
  // Even where there is no search to close.
  if (request === 'close') last.finally(() => port.close()).catch(() => {})
})
