// Imported by `node --import` into a program that is to die, as by SIGKILL, before a certain change of names or flush to
// disk: FACEKIT_KILL_AT says which, counted from 1. A program that ends before has fewer.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const killAt = Number(process.env['FACEKIT_KILL_AT'] ?? Infinity)
let steps = 0

/**
 * @param {Record<string, any>} owner whose method is counted before it is called
 * @param {string} name
 */
function countFirst(owner, name) {
  const original = owner[name]
  /** @param {unknown[]} args */
  owner[name] = function (...args) {
    if (++steps === killAt) process.kill(process.pid, 'SIGKILL')
    return original.apply(this, args)
  }
}

const handle = await fs.promises.open('/dev/null')
countFirst(Object.getPrototypeOf(handle), 'sync')
await handle.close()
for (const name of ['rename', 'unlink', 'rm', 'rmdir', 'mkdir']) countFirst(fs.promises, name)
syncBuiltinESMExports()
