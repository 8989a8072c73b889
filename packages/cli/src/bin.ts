import { EXIT } from './exit-codes.js'
import { Interruption, SIGNALS, type Signal } from './interruption.js'
import { main } from './main.js'
import { sayFailure } from './failure.js'
import { createTalk } from './talk.js'

const stop = new AbortController()
/** Longer than the work usually takes to stop, so that it is rarely said. */
const STOPPING_MS = 1000
/** Nobody waits longer for a model that computes. */
const PATIENCE_MS = 10_000

/** `timeout` and npm pass on a signal that the program got by itself: it comes twice within this. */
const ECHO_MS = 100

/** The first signal stops the work; the next one, whichever it is, ends the program at once, as does patience. */
function onSignal(signal: Signal): void {
  if (stop.signal.aborted) return
  stop.abort(new Interruption(signal))
  const listenNoMore = () => {
    for (const name of SIGNALS) process.removeListener(name, onSignal)
  }
  setTimeout(listenNoMore, ECHO_MS).unref()
  const { warn } = createTalk(process.stderr, true)
  const say = () => warn('facekit: finishing what is being computed; once more ends it at once')
  setTimeout(say, STOPPING_MS).unref()
  setTimeout(() => {
    warn(
      `facekit: ended by ${signal} in the middle of what is being computed; the next run into the same folder finishes it, clears it away, or goes on with it by --resume`,
    )
    listenNoMore()
    process.kill(process.pid, signal)
  }, PATIENCE_MS).unref()
}
for (const signal of SIGNALS) process.on(signal, onSignal)

// Its own status for that, 1, says that all is done but for some images.
process.on('uncaughtException', (error) => process.exit(sayFailure(error, process.stderr)))

// Until the opposite is known: a promise that nobody keeps ends the program too.
process.exitCode = EXIT.failure
process.exitCode = await main(process.argv.slice(2), { signal: stop.signal })
