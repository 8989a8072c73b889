import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** `.facekit-{where the process runs}-{its number there}-{random}`: whose the folder is. */
const NAME = /^\.facekit-([0-9a-f]{12})-([1-9]\d*)-[0-9a-f]{8}$/

/** A name for a hidden folder of this process. */
export function hiddenFolderName(): string {
  return `.facekit-${HERE}-${process.pid}-${randomBytes(4).toString('hex')}`
}

/**
 * Removes the hidden folders of processes that are gone: killed, since others take theirs along. One whose process may
 * still run stays: of another machine, container or boot, whose numbers say nothing here; or of a number that has a
 * process again.
 *
 * @returns their names
 */
export async function removeLeftovers(folder: string): Promise<string[]> {
  const removed: string[] = []
  // What cannot be listed or removed is left to whom it belongs.
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const [, where, pid] = NAME.exec(entry.name) ?? []
    if (!entry.isDirectory() || where !== HERE || !isGone(Number(pid))) continue
    const done = await rm(join(folder, entry.name), { recursive: true }).then(
      () => true,
      () => false,
    )
    if (done) removed.push(entry.name)
  }
  return removed
}

function isGone(pid: number): boolean {
  try {
    // Signal 0 only asks.
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

const HERE = placeOfProcesses()

/** Stands for where a process number means one process: a host, on Linux one boot and namespace of it. */
function placeOfProcesses(): string {
  const facts = [hostname()]
  if (process.platform === 'linux') {
    try {
      facts.push(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), readlinkSync('/proc/self/ns/pid'))
    } catch {
      // Without these two containers may look alike: this process is alone then, as far as it knows.
      facts.push(randomBytes(16).toString('hex'))
    }
  }
  return createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 12)
}
