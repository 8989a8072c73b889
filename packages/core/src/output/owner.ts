import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, as others can tell whether it is still there. */
export interface Owner {
  pid: number
  /** Name of its machine, for messages. */
  host: string
  /** Stands for where a process number means one process: on Linux, a boot and namespace of a machine. */
  place: string
  /** When it began, as the system counts; empty where that is not told. Numbers are given out again. */
  started: string
}

/** What is said of a process of elsewhere only by what it touches: it does so this often. */
export const SIGN_OF_LIFE_MS = 15_000
/** Longer than a main thread is busy with one thing. */
const SILENCE_MS = 5 * 60_000

export function thisProcess(): Owner {
  return { pid: process.pid, host: hostname(), place: HERE, started: startOf(process.pid) }
}

/** @param silence tells for how many milliseconds nothing has been heard of it */
export async function isGone(
  { pid, place, started }: Owner,
  silence: () => Promise<number>,
): Promise<boolean> {
  if (place !== HERE) return (await silence()) > SILENCE_MS
  if (!isRunning(pid)) return true
  const startedNow = startOf(pid)
  // Of a process of another user it may not be told: /proc mounted with hidepid.
  return startedNow !== '' && startedNow !== started
}

/** Whose a text of `JSON.stringify(owner)` is; undefined where it is none. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, host, place, started } = JSON.parse(text) as Partial<Record<keyof Owner, unknown>>
    const isWhole =
      typeof pid === 'number' &&
      typeof host === 'string' &&
      typeof place === 'string' &&
      typeof started === 'string'
    return isWhole ? { pid, host, place, started } : undefined
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  try {
    // Signal 0 only asks.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Field 22 of `/proc/{pid}/stat`, see proc(5): ticks since the boot. The name before it may hold anything. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

const HERE = placeOfProcesses()

function placeOfProcesses(): string {
  if (process.platform !== 'linux') return digest(hostname())
  try {
    return digest(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), readlinkSync('/proc/self/ns/pid'))
  } catch {
    // Two containers may look alike then: this process is alone, as far as it knows.
    return randomBytes(16).toString('hex')
  }
}

function digest(...facts: string[]): string {
  return createHash('sha256').update(facts.join('\n')).digest('hex')
}
