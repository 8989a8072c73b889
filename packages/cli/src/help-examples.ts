/** Command lines, in which `$0` is the program, and what each is for. */
export type Examples = readonly (readonly [command: string, describe: string])[]

/** For the end of a help text. yargs would break command lines where the terminal ends, and they could not be copied. */
export function describeExamples(examples: Examples): string {
  const lines = examples.map(
    ([command, describe]) => `  # ${describe}\n  ${command.replaceAll('$0', 'facekit')}\n`,
  )
  return `\nExamples:\n${lines.join('')}`
}
