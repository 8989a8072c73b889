/** One line of JSON, keys as in the summary types. */
export function printSummary(summary: object, stream: NodeJS.WriteStream): void {
  stream.write(`${JSON.stringify(summary)}\n`)
}
