/**
 * Keeps an error of stdout or stderr from ending the program with a stack trace: it goes to whoever waits for a write.
 * That nobody listens to stderr any more is no error at all.
 */
export function silenceStreams(): void {
  for (const stream of [process.stdout, process.stderr]) stream.off('error', ignore).on('error', ignore)
}

function ignore(): void {}
