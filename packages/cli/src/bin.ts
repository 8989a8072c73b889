import { Interruption } from './interruption.js'
import { main } from './main.js'

const stop = new AbortController()
// Once: a second one ends the program at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Interruption(signal)))
}

process.exitCode = await main(process.argv.slice(2), stop.signal)
