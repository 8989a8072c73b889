import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

interface RunOptions {
  cwd: string
  env?: NodeJS.ProcessEnv
}

/**
 * What a command prints on stdout.
 *
 * @throws Error with all that it printed where it does not end with 0
 */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env }: RunOptions,
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  if (status === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')} ended with ${status}:\n${stdout}${stderr}`)
}
