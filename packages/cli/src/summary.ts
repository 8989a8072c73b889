/**
 * Prints a summary in one line of JSON, keys as in the summary types, and waits until it is taken.
 *
 * @throws the error of the system where it is not, unless nobody listens to stderr any more
 */
export async function printSummary(summary: object, stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(`${JSON.stringify(summary)}\n`, (error: NodeJS.ErrnoException | null | undefined) => {
      if (error && !(stream === process.stderr && error.code === 'EPIPE')) reject(error)
      else resolve()
    })
  })
}
