import { EXIT } from './exit-codes.js'
import { Interruption } from './interruption.js'
import { main } from './main.js'

const stop = new AbortController()
/** Longer than the work usually takes to stop, so that it is rarely said. */
const STOPPING_MS = 1000

// Once: a second one ends the program at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort(new Interruption(signal))
    const say = () => console.error('facekit: finishing what is being computed; once more ends it at once')
    setTimeout(say, STOPPING_MS).unref()
  })
}

// Until the opposite is known: a promise that nobody keeps ends the program too.
process.exitCode = EXIT.failure
process.exitCode = await main(process.argv.slice(2), { signal: stop.signal })
