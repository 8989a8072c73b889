import { TruthError } from './errors.js'
import { MAX_LINE_LENGTH, textLines } from './text-lines.js'

export interface CsvRecord {
  fields: string[]
  /** From 1: that it begins in. */
  line: number
}

/**
 * Records of a CSV file (RFC 4180), some at a time; blank lines are none. A field that begins with a quote ends with one,
 * and may hold commas, ends of lines and doubled quotes; any other is taken as it is.
 *
 * @throws TruthError `TRUTH_FILE`, `TRUTH_LINE`; the reason of the signal
 */
export async function* csvRecords(path: string, signal?: AbortSignal): AsyncGenerator<CsvRecord[]> {
  let line = 0
  let begun: { text: string; line: number } | undefined
  for await (const lines of textLines(path, signal)) {
    const records: CsvRecord[] = []
    for (const text of lines) {
      line++
      if (text === '' && !begun) continue
      const record = begun ? { text: `${begun.text}\n${text}`, line: begun.line } : { text, line }
      const fields = fieldsOf(record.text)
      begun = fields ? undefined : record
      if (fields) records.push({ fields, line: record.line })
      else if (record.text.length > MAX_LINE_LENGTH) throw unclosed(path, record.line)
    }
    yield records
  }
  if (begun) throw unclosed(path, begun.line)
}

/** @returns undefined where a quote is not closed; the record as one field where text follows a quote that closes */
function fieldsOf(record: string): string[] | undefined {
  if (!record.includes('"')) return record.split(',')
  const fields: string[] = []
  for (let start = 0; ;) {
    const isQuoted = record[start] === '"'
    const end = isQuoted ? closingQuote(record, start) + 1 : commaOrEnd(record, start)
    if (end === 0 && isQuoted) return undefined
    fields.push(isQuoted ? record.slice(start + 1, end - 1).replaceAll('""', '"') : record.slice(start, end))
    if (end === record.length) return fields
    if (record[end] !== ',') return [record]
    start = end + 1
  }
}

/** @returns -1 where there is none */
function closingQuote(record: string, opening: number): number {
  for (let at = opening + 1; ; at += 2) {
    at = record.indexOf('"', at)
    if (at < 0 || record[at + 1] !== '"') return at
  }
}

function commaOrEnd(record: string, from: number): number {
  const at = record.indexOf(',', from)
  return at < 0 ? record.length : at
}

function unclosed(path: string, line: number): TruthError {
  return new TruthError(
    'TRUTH_LINE',
    `Expected the quote that opens in line ${line} of ${path} to be closed but it is not. Double the quotes within a field, and put it in quotes.`,
  )
}
