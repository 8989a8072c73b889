import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PassThrough, Readable, type Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, onTestFinished } from 'vitest'

export const BIN = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.url))

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs the program within this process, which takes a fraction of the time: for all but pipes, signals and ends. */
export async function facekit(
  args: string[],
  stdin: Uint8Array = new Uint8Array(),
  signal?: AbortSignal,
): Promise<Outcome> {
  const { stdout, ...outcome } = await runHere(args, stdin, signal)
  return { ...outcome, stdout: stdout.toString() }
}

/** The bytes that `extract` writes to its stdout. */
export async function streamOf(args: string[]): Promise<Buffer> {
  return (await runHere(args, new Uint8Array())).stdout
}

async function runHere(args: string[], stdin: Uint8Array, signal?: AbortSignal) {
  // Not before: tests set variables that are read when a module is loaded.
  const { main } = await import('../src/main.js')
  const [out, err] = [new PassThrough(), new PassThrough()]
  const all = Promise.all([buffer(out), text(err)])
  const status = await main(args, {
    streams: { stdin: Readable.from([stdin]), stdout: out, stderr: err },
    signal,
  })
  out.end()
  err.end()
  const [stdout, stderr] = await all
  return { status, stdout, stderr }
}

export type Facekit = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts the built program. */
export function start(...args: string[]): Facekit {
  return startWith({}, ...args)
}

/** Starts it with variables of its own. */
export function startWith(env: Readonly<Record<string, string>>, ...args: string[]): Facekit {
  const program = spawn(process.execPath, [BIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  // One that hangs would go on for ever.
  onTestFinished(() => void program.kill('SIGKILL'))
  return program
}

export async function outcomeOf(program: Facekit): Promise<Outcome> {
  const [stdout, stderr, [status]] = await Promise.all([
    text(program.stdout),
    text(program.stderr),
    once(program, 'exit') as Promise<[number | null]>,
  ])
  return { status, stdout, stderr }
}

/** Runs the built program to its end. */
export async function builtFacekit(
  args: string[],
  { stdin, env = {} }: { stdin?: Uint8Array; env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> {
  const program = startWith(env, ...args)
  program.stdin.on('error', () => {})
  program.stdin.end(stdin)
  return outcomeOf(program)
}

/** Runs a script of bash in which `"$@"` is the built program with arguments. */
export async function shell(script: string, ...args: string[]): Promise<Outcome> {
  const command = ['-c', script, 'bash', process.execPath, BIN, ...args]
  return outcomeOf(spawn('bash', command, { stdio: ['pipe', 'pipe', 'pipe'] }))
}

/** A folder that goes when the tests of the file are over; gives paths in it. */
export function temporaryFolder(): (...names: string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), 'facekit-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return (...names) => join(folder, ...names)
}

/** What says when and how labels were made; it is not as long every time. */
const RUN_NAME = 'run.json'

/** Every file below a folder with its content, as far as it follows from what was asked. */
export function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) !== RUN_NAME && statSync(join(folder, name)).isFile())
    .sort()
  return new Map(files.map((name) => [name, contentOf(join(folder, name)).toString('base64')]))
}

function contentOf(file: string): Buffer {
  const bytes = readFileSync(file)
  if (basename(file) !== '.facekit.json') return bytes
  return Buffer.from(bytes.toString('latin1').replace(/"run\.json":\d+,?/, ''), 'latin1')
}
