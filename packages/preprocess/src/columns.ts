type Separator = '\t' | ',' | ' '

/** A field, which quotes may enclose, and what ends it. */
const FIELD: Readonly<Record<Separator, RegExp>> = {
  '\t': /(?: *"((?:[^"]|"")*)" *|([^\t]*))(\t|$)/y,
  ',': /(?: *"((?:[^"]|"")*)" *|([^,]*))(,|$)/y,
  ' ': /(?:"((?:[^"]|"")*)"|([^ ]*))( +|$)/y,
}

/** Columns are separated by TABs, where a line has one, else by commas, else by blanks. */
function separatorOf(line: string): Separator {
  return (['\t', ','] as const).find((separator) => line.includes(separator)) ?? ' '
}

/** The fields of a line, without quotes around them; quotes within are doubled, as in CSV. */
export function fieldsOf(line: string, separator = separatorOf(line)): string[] {
  const text = separator === ' ' ? line.trim() : line
  const field = FIELD[separator]
  const fields: string[] = []
  for (field.lastIndex = 0; ;) {
    // Every text has a field at its beginning, so that none is left only when the last one came.
    const [, quoted, plain = '', end = ''] = field.exec(text) ?? []
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '') return fields
  }
}

/** Gives the column, from 1, of each line of one list: what separates its first line separates all. */
export function columnReader(column: number): (line: string) => string | undefined {
  let separator: Separator | undefined
  return (line) => fieldsOf(line, (separator ??= separatorOf(line)))[column - 1]
}
