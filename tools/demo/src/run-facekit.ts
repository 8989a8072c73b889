import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const FACEKIT = fileURLToPath(new URL('../bin/facekit.cjs', import.meta.resolve('facekit')))

/** Runs a command of facekit, which talks on this program's stderr. */
export async function runFacekit(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [FACEKIT, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  if (code !== 0) throw new Error(`facekit ${args[0]} ended with ${code ?? signal}`)
}
