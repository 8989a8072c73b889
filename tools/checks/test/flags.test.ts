import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { COMPLETION_FLAG, type CommandSketch } from '../../../packages/cli/src/completion.js'
import { main } from '../../../packages/cli/src/main.js'
import { commands, flagOf, wordsIn } from './commands.js'
import { readText } from './workspace.js'

/** Flags of which one sentence says who has them. */
const COMMON = ['quiet', 'json']

const chapter = /\n## Flags\n([^]*?)\n### Exit status\n/.exec(readText('README.md'))![1]!
const sections = chapter.split('\n### ').slice(1)

/** What the program says: yargs prints it, or the description does where the code finds it. */
function defaultOf(flag: CommandSketch['flags'][string] | undefined): string | undefined {
  if (typeof flag?.default === 'boolean') return flag.default ? 'on' : 'off'
  return flag?.default === undefined
    ? /\[default: (.*)\]/.exec(flag?.describe ?? '')?.[1]
    : String(flag.default)
}

describe.each(commands)('the README tells of $name', ({ name, flags }) => {
  const section = sections.find((one) => one.split('\n')[0]!.split(' and ').includes(name)) ?? ''
  const rows = [...section.matchAll(/^\| (`--.*?) +\| (.*?) *\|/gm)].map(([, first, preset]) => ({
    words: wordsIn(first!),
    preset: preset!.replaceAll('`', ''),
  }))

  it('all flags', () => {
    expect(section, `README.md, "Flags": a section "### ${name}"`).not.toBe('')
    // In a table, what else is said of a flag does not count.
    const words = rows.length > 0 ? rows.flatMap((row) => row.words) : wordsIn(section)
    const lent = /takes the flags of ((?:`\w+`(?:, | and )?)+)/.exec(section)?.[1] ?? ''
    const lenders = commands.filter((one) => lent.includes(`\`${one.name}\``))
    const said = new Set([
      ...COMMON,
      ...words.map((word) => flagOf(word, flags)),
      ...lenders.flatMap((one) => Object.keys(one.flags)),
    ])
    const missing = Object.keys(flags).filter((flag) => !said.has(flag))
    expect(missing, `README.md, "Flags", "${name}": these are missing`).toEqual([])
  })

  it('what they are if left out', () => {
    const inText = [...section.matchAll(/`(--[\w-]+)`(?:, | \()([\d.]+\d)/g)]
    const said = [
      ...rows.flatMap(({ words, preset }) => words.map((word) => ({ word, preset }))),
      ...inText.map(([, word, preset]) => ({ word: word!, preset: preset! })),
    ]
    for (const { word, preset } of said) {
      const known = defaultOf(flags[flagOf(word, flags)])
      // --no-x says it by its name; what follows a semicolon is in words of its own.
      const expected = word.startsWith('--no-') ? '' : (known ?? preset)
      expect(preset.split(';')[0], `README.md, "Flags", "${name}": the default of ${word}`).toBe(
        expected.split(';')[0],
      )
    }
  })

  it('none that is not there', () => {
    const known = rows.length > 0 ? [{ name, flags }] : commands
    const words = rows.length > 0 ? rows.flatMap((row) => row.words) : wordsIn(section)
    expect(
      words.filter((word) => !known.some((one) => flagOf(word, one.flags) in one.flags)),
      `README.md, "Flags", "${name}": no such flags`,
    ).toEqual([])
  })
})

it.each(COMMON)('the README says which commands take no --%s', (flag) => {
  const [, but = ''] = RegExp(`All commands take .*\`--${flag}\`(?: \\(but ([^);]*))?`).exec(chapter)!
  expect(
    [...but.matchAll(/`(\w+)`/g)].map(([, name]) => name).toSorted(),
    `README.md, "All commands take": \`--${flag}\` (but …)`,
  ).toEqual(
    commands
      .filter(({ flags }) => !(flag in flags))
      .map(({ name }) => name)
      .toSorted(),
  )
})

it.each(commands)('the program knows $name', async ({ name }) => {
  const where = 'packages/cli/src/main.ts'
  expect(await stdoutOf('--help'), `${where}: .command()`).toContain(`\n  facekit ${name} `)
  const completions = await stdoutOf(COMPLETION_FLAG, 'facekit', '')
  expect(completions.split('\n'), `${where}: COMMANDS`).toContainEqual(expect.stringMatching(`^${name}\\b`))
})

async function stdoutOf(...args: string[]): Promise<string> {
  const stdout = new PassThrough()
  await main(args, { streams: { stdin: Readable.from([]), stdout, stderr: new PassThrough() } })
  stdout.end()
  return text(stdout)
}
