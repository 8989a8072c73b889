/** What a field of a record may hold. A count is a whole number from 0. */
export type FieldKind =
  | 'string'
  | 'number'
  | 'count'
  | 'boolean'
  | 'strings'
  | 'object'
  | 'string or null'
  | 'number or null'
  | 'count or null'
  | 'object or null'
  | 'numbers or null'

/**
 * Looks at each field of a record that anybody may have written.
 *
 * @returns what is wrong with the first that is not of its kind: `seconds is "x", not a number`
 */
export function wrongField(
  fields: Readonly<Record<string, FieldKind>>,
  record: Readonly<Record<string, unknown>>,
): string | undefined {
  for (const [name, kind] of Object.entries(fields))
    if (!isOf(kind, record[name])) return `${name} is ${JSON.stringify(record[name])}, not a ${kind}`
  return undefined
}

function isOf(kind: FieldKind, value: unknown): boolean {
  if (value === null) return kind.endsWith('or null')
  switch (kind) {
    case 'strings':
      return Array.isArray(value) && value.every((word) => typeof word === 'string')
    case 'numbers or null':
      return Array.isArray(value) && value.every((number) => typeof number === 'number')
    case 'count':
    case 'count or null':
      return Number.isSafeInteger(value) && Number(value) >= 0
    case 'object':
    case 'object or null':
      return typeof value === 'object' && !Array.isArray(value)
    case 'string or null':
      return typeof value === 'string'
    case 'number or null':
      return typeof value === 'number'
    default:
      return typeof value === kind
  }
}
