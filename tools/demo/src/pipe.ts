import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const FACEKIT = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.resolve('facekit')))

/** Runs `facekit producer… | facekit consumer…`, both talking on this program's stderr. */
export async function runPipe(producer: readonly string[], consumer: readonly string[]): Promise<void> {
  const writer = spawn(process.execPath, [FACEKIT, ...producer], { stdio: ['ignore', 'pipe', 'inherit'] })
  const reader = spawn(process.execPath, [FACEKIT, ...consumer], { stdio: ['pipe', 'inherit', 'inherit'] })
  await Promise.all([
    pipeline(writer.stdout, reader.stdin),
    succeed(writer, producer),
    succeed(reader, consumer),
  ])
}

async function succeed(child: ChildProcess, args: readonly string[]): Promise<void> {
  const [code, signal] = await once(child, 'exit')
  if (code !== 0) throw new Error(`facekit ${args[0]} ended with ${code ?? signal}`)
}
