/** What neither a shell nor sbatch takes for anything but itself. */
const PLAIN = /^[\w@%+=:,./-]+$/

const CONTROL = /\p{Control}/u

/** A word for bash that stays on its line, whatever is in it. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text
  if (!CONTROL.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`
  const escaped = text.replaceAll(/[\\']/g, String.raw`\$&`).replaceAll(/\p{Control}/gu, (control) => {
    // As an octal number, which ends after three digits whatever follows.
    const bytes = [...Buffer.from(control)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
    return control === '\n' ? String.raw`\n` : bytes.join('')
  })
  return `$'${escaped}'`
}

/** A word for sbatch in a line of `#SBATCH`; it has no ends of lines. */
export function directiveWord(text: string): string {
  return PLAIN.test(text) ? text : `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`
}
