import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { flagName, type Flags } from '../src/flags.js'
import type { Examples } from '../src/help-examples.js'
import { main } from '../src/main.js'

const COMMANDS = [
  'extract',
  'cluster',
  'search',
  'label',
  'thresholds',
  'evaluate',
  'report',
  'submit',
  'status',
  'convert',
  'doctor',
]

interface Command {
  flags: Flags
  examples: Examples
}

async function commandOf(name: string): Promise<Command> {
  return (await import(`../src/${name}/command.ts`)) as Command
}

async function helpOf(args: string[], columns: number): Promise<string[]> {
  const [stdin, stdout, stderr] = [
    new PassThrough(),
    new PassThrough({ encoding: 'utf8' }),
    new PassThrough(),
  ]
  expect(
    await main([...args, '--help'], {
      streams: { stdin, stdout: Object.assign(stdout, { columns }), stderr },
    }),
  ).toBe(0)
  return String(stdout.read()).split('\n')
}

describe('examples in a help text', () => {
  it.each(COMMANDS)('of %s can be copied, however narrow the terminal is', async (name) => {
    const { examples } = await commandOf(name)
    expect(examples.length).toBeGreaterThan(0)
    for (const columns of [40, 80, 200]) {
      const lines = await helpOf([name], columns)
      for (const [command, what] of examples) {
        expect(lines).toContain(`  ${command.replaceAll('$0', 'facekit')}`)
        expect(lines).toContain(`  # ${what}`)
      }
    }
  })

  it('of the program as well', async () => {
    const pipe = '  facekit extract --input crops/ --weights model.onnx | facekit cluster --output labels/'
    expect(await helpOf([], 40)).toContain(pipe)
  })

  it.each(COMMANDS)('of %s have flags that there are', async (name) => {
    const { examples } = await commandOf(name)
    for (const [command] of examples) {
      const flags = new Map<string, Flags>()
      for (const known of COMMANDS) flags.set(known, (await commandOf(known)).flags)
      for (const part of command.replace(/ -- .*/, '').split(' | ')) {
        const [program, of, ...words] = part.split(' ')
        if (program !== '$0') continue
        const known = Object.keys(flags.get(of!)!)
        for (const flag of words.map(flagName).filter((word) => word !== undefined))
          expect([...known, ...known.map((one) => `no-${one}`)], command).toContain(flag)
      }
    }
  })
})
