/** What occurs in an NPY header. Tuples and lists are both arrays. */
export type Literal = string | number | boolean | null | Literal[]

/** The headers of structured arrays nest a few levels; a hostile one must not exhaust the stack. */
const MAX_DEPTH = 16

/**
 * Parses the literal of a Python dict with string keys, and nothing else of Python.
 *
 * @throws Error that says what stands at which place of `text`.
 */
export function parsePythonDict(text: string): Map<string, Literal> {
  return new LiteralParser(text).dict()
}

class LiteralParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  dict(): Map<string, Literal> {
    const dict = new Map<string, Literal>()
    this.#expect('{')
    while (!this.#take(/\}/y)) {
      const key = this.#string()
      this.#expect(':')
      if (dict.has(key)) throw new Error(`the key ${key} occurs twice`)
      dict.set(key, this.#value(0))
      if (this.#take(/,/y)) continue
      this.#expect('}')
      break
    }
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#unexpected('its end')
    return dict
  }

  #value(depth: number): Literal {
    if (depth > MAX_DEPTH) throw this.#unexpected('fewer nested brackets')
    if (this.#take(/\(/y)) return this.#items(/\)/y, ')', depth)
    if (this.#take(/\[/y)) return this.#items(/\]/y, ']', depth)
    const word = this.#take(/(?:True|False|None)(?!\w)/y)
    if (word) return word === 'None' ? null : word === 'True'
    // Python 2 wrote long integers with an L.
    const digits = this.#take(/[0-9]+L?(?![\w.])/y)
    if (digits) return Number.parseInt(digits, 10)
    return this.#string()
  }

  #items(closing: RegExp, closingText: string, depth: number): Literal[] {
    const items: Literal[] = []
    while (!this.#take(closing)) {
      items.push(this.#value(depth + 1))
      if (this.#take(/,/y)) continue
      this.#expect(closingText)
      // Without its comma (7) is a number in brackets; no writer of headers means that.
      break
    }
    return items
  }

  #string(): string {
    const quoted = this.#take(/'(?:[^'\\\n]|\\['"\\])*'|"(?:[^"\\\n]|\\['"\\])*"/y)
    if (quoted === undefined) throw this.#unexpected('a string')
    return quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1')
  }

  #expect(character: string): void {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) throw this.#unexpected(character)
    this.#at++
  }

  /** The text that `sticky` matches here, after white space; `undefined` where it matches nothing. */
  #take(sticky: RegExp): string | undefined {
    this.#skipSpace()
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #skipSpace(): void {
    while (' \n\t\r\f'.includes(this.#text[this.#at] ?? '?')) this.#at++
  }

  #unexpected(expected: string): Error {
    const rest = this.#text.slice(this.#at, this.#at + 20)
    const got = rest === '' ? 'its end' : JSON.stringify(rest)
    return new Error(`got ${got} at character ${this.#at}, expected ${expected}`)
  }
}
