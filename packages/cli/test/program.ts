import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

const BIN = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.url))

export type Facekit = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts the built program. */
export function start(...args: string[]): Facekit {
  return spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

export async function outcomeOf(program: Facekit): Promise<Outcome> {
  const [stdout, stderr, [status]] = await Promise.all([
    text(program.stdout),
    text(program.stderr),
    once(program, 'exit') as Promise<[number | null]>,
  ])
  return { status, stdout, stderr }
}

/** Runs the program to its end, with `/dev/null` for stdin or the given bytes. */
export async function facekit(args: string[], stdin?: Uint8Array): Promise<Outcome> {
  const program =
    stdin === undefined
      ? (spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }) as unknown as Facekit)
      : start(...args)
  program.stdin?.on('error', () => {})
  program.stdin?.end(stdin)
  return outcomeOf(program)
}

/** Runs a script of bash in which `"$@"` is the program with arguments. */
export async function shell(script: string, ...args: string[]): Promise<Outcome> {
  const command = ['-c', script, 'bash', process.execPath, BIN, ...args]
  return outcomeOf(spawn('bash', command, { stdio: ['pipe', 'pipe', 'pipe'] }))
}

/** The bytes that `extract` writes to its stdout. */
export async function streamOf(args: string[]): Promise<Buffer> {
  const program = start(...args)
  program.stderr.resume()
  return buffer(program.stdout)
}

/** A folder that goes when the tests of the file are over; gives paths in it. */
export function temporaryFolder(): (...names: string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), 'facekit-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return (...names) => join(folder, ...names)
}
