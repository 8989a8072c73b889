import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a task does: hangs until it is stopped, or ends with a status. */
export type Order = 'hang' | number

/** What a task was started with. */
export interface Start {
  args: string[]
  folder: string
  pid: number
}

/**
 * A program that takes the place of facekit in the scripts of a run: its tasks write down what they were started with,
 * and do as they are told.
 */
const PROGRAM = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')

const [stage, ...args] = process.argv.slice(2)
if (stage === 'status') {
  const [run, , of] = args
  const { parts } = JSON.parse(readFileSync(join(run, 'orders.json'), 'utf8'))
  const missing = [...Array(parts).keys()].filter((part) => !existsSync(join(run, of + '-' + part + '.done')))
  console.log(missing.join(' '))
} else {
  const valueOf = (name) => args.find((arg) => arg.startsWith('--' + name + '='))?.slice(name.length + 3)
  const run = dirname(valueOf('output'))
  const name = stage + (stage === 'label' ? '' : '-' + valueOf('part').split('/')[0])
  mkdirSync(valueOf('output'), { recursive: true })
  appendFileSync(join(run, name + '.starts'), JSON.stringify({ args, folder: process.cwd(), pid: process.pid }) + '\\n')
  appendFileSync(join(run, 'journal'), name + ' begins\\n')
  const end = (status) => {
    if (status === 0) writeFileSync(join(run, name + '.done'), '')
    appendFileSync(join(run, 'journal'), name + ' ends with ' + status + '\\n')
    process.exit(status)
  }
  process.on('SIGTERM', () => end(143))
  const starts = readFileSync(join(run, name + '.starts'), 'utf8').trim().split('\\n').length
  const { orders } = JSON.parse(readFileSync(join(run, 'orders.json'), 'utf8'))
  const order = orders[name]?.[starts - 1] ?? 0
  if (order === 'hang') setInterval(() => {}, 1000)
  else end(order)
}
`

/** The folder of a run, and what its tasks do there. */
export class MadeRun {
  readonly folder: string
  readonly #parts: number

  constructor(folder: string, parts: number) {
    this.folder = folder
    this.#parts = parts
    mkdirSync(folder, { recursive: true })
    this.order({})
  }

  /** @param orders by the name of a task, one for each of its starts; 0 where there is none */
  order(orders: Readonly<Record<string, readonly Order[]>>): void {
    writeFileSync(join(this.folder, 'orders.json'), JSON.stringify({ parts: this.#parts, orders }))
  }

  starts(task: string): Start[] {
    const lines = this.#read(`${task}.starts`)
    return lines.map((line) => JSON.parse(line) as Start)
  }

  /** What began and ended, in this order. */
  journal(): string[] {
    return this.#read('journal')
  }

  #read(name: string): string[] {
    const file = join(this.folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  }
}

/** @param file of CommonJS: Node takes modules from no folder with a backslash in its name. @returns words that start it */
export function writeProgram(file: string): string[] {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, PROGRAM)
  return [process.execPath, file]
}
