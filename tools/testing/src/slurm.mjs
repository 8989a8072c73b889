import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} Slurm
 * @property {{ PATH: string, SLURM_CONF: string }} env with which sbatch and the like speak to it
 * @property {string} folder of all that it writes: slurm.conf, logs, spool
 * @property {() => Promise<void>} stop ends its processes and those of jobs
 */

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`
/** Of Debian's packages slurmctld, slurmd, slurm-client and munge. */
const PROGRAMS = ['slurmctld', 'slurmd', 'sbatch', 'munged']
const PATIENCE_MS = 30_000

/**
 * Why no Slurm can be started here, which is an error in CI.
 *
 * @returns {string | undefined}
 */
export function whyNoSlurm() {
  const missing = PROGRAMS.filter((name) => spawnSync('which', [name], { env: { PATH } }).status !== 0)
  const isRoot = process.getuid?.() === 0
  if (missing.length === 0 && isRoot) return undefined
  const why = missing.length > 0 ? `there is no ${missing.join(', ')}` : 'only root can start it'
  if (process.env['CI']) throw new Error(`CI tests on a real Slurm: ${why}`)
  return why
}

/**
 * A Slurm of its own on this machine: nodes n1, n2 … of 4 CPUs and one made-up GPU each.
 *
 * @param {string} folder without blanks in its name
 * @param {{ nodes?: number }} [options]
 * @returns {Promise<Slurm>}
 */
export async function startSlurm(folder, { nodes = 3 } = {}) {
  const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`)
  for (const name of ['state', ...names]) mkdirSync(join(folder, name), { recursive: true })
  const conf = join(folder, 'slurm.conf')
  const env = { PATH, SLURM_CONF: conf }
  writeFileSync(conf, configuration(folder, names, await freePorts(nodes + 1)))
  writeFileSync(join(folder, 'gres.conf'), 'Name=gpu File=/dev/null\n')
  writeFileSync(join(folder, 'munge.key'), randomBytes(128), { mode: 0o400 })

  /** @type {(name: string, program: string, ...args: string[]) => void} */
  const start = (name, program, ...args) => {
    const log = openSync(join(folder, `${name}.log`), 'a')
    spawn(program, args, { env, stdio: ['ignore', log, log] })
  }
  /** @type {(program: string, ...args: string[]) => string} */
  const ask = (program, ...args) => spawnSync(program, args, { env, encoding: 'utf8' }).stdout
  const slurm = { env, folder, stop: async () => endAll(`SLURM_CONF=${conf}`) }
  try {
    const files = ['key', 'socket', 'pid', 'seed', 'log'].map((name) => {
      return `--${name}${name === 'socket' ? '' : '-file'}=${join(folder, `munge.${name}`)}`
    })
    start('munged', 'munged', '--foreground', '--force', ...files)
    await until(() => ask('munge', '-n', '-S', join(folder, 'munge.socket')) !== '', `munged: ${folder}`)
    start('slurmctld', 'slurmctld', '-D', '-f', conf)
    for (const name of names) start(name, 'slurmd', '-D', '-N', name, '-f', conf)
    const isUp = () => ask('sinfo', '-h', '-N', '-o', '%T').match(/^idle$/gm)?.length === nodes
    await until(isUp, `Slurm: ${folder}`)
    return slurm
  } catch (error) {
    await slurm.stop()
    throw error
  }
}

/** @type {(folder: string, names: string[], ports: number[]) => string} */
function configuration(folder, names, [port, ...nodePorts]) {
  return `ClusterName=test
SlurmctldHost=localhost
SlurmctldPort=${port}
SlurmUser=root
SlurmctldPidFile=${folder}/slurmctld.pid
StateSaveLocation=${folder}/state
SlurmdPidFile=${folder}/%n/slurmd.pid
SlurmdSpoolDir=${folder}/%n
SlurmdParameters=config_overrides
AuthType=auth/munge
CredType=cred/munge
# What is requeued waits until its credential has expired, two minutes otherwise.
AuthInfo=socket=${folder}/munge.socket,cred_expire=5
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=${folder}/completed.txt
MinJobAge=3600
RequeueExit=75
ReturnToService=2
KillWait=5
GresTypes=gpu
${names.map((name, i) => `NodeName=${name} NodeHostname=localhost Port=${nodePorts[i]} CPUs=4 RealMemory=4000 Gres=gpu:1`).join('\n')}
PartitionName=main Nodes=ALL Default=YES State=UP
`
}

/** @param {number} number */
async function freePorts(number) {
  const servers = Array.from({ length: number }, () => createServer().listen(0))
  await Promise.all(servers.map(async (server) => once(server, 'listening')))
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port)
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')))
  return ports
}

/** @type {(isSo: () => boolean, what: string) => Promise<void>} */
async function until(isSo, what) {
  for (const endMs = Date.now() + PATIENCE_MS; !isSo(); await sleep(50)) {
    if (Date.now() > endMs) throw new Error(`Waited too long for ${what}`)
  }
}

/** Kills whoever has a variable in its environment, until nobody is left. @param {string} variable */
async function endAll(variable) {
  await until(() => {
    const alive = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && has(name, variable))
    for (const pid of alive) spawnSync('kill', ['-KILL', pid])
    return alive.length === 0
  }, 'the end of Slurm')
}

/** @type {(pid: string, variable: string) => boolean} */
function has(pid, variable) {
  if (Number(pid) === process.pid) return false
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable)
  } catch {
    // It has ended, or is another user's.
    return false
  }
}
