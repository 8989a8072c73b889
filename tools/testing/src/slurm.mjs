import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A Slurm of its own on this machine, of Debian's packages slurmctld, slurmd, slurm-client and munge.
 *
 * @typedef {object} Slurm
 * @property {Record<string, string>} env with which sbatch and the like speak to it
 * @property {string} folder with everything that it writes: slurm.conf, logs, spool
 * @property {() => Promise<void>} stop leaves no process behind, neither of Slurm nor of jobs
 */

/** Tells the processes that are to end with it, jobs among them. */
const MARK = 'SLURM_CONF'
const PATH = [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter)
const PROGRAMS = ['slurmctld', 'slurmd', 'sbatch', 'munged']
const START_MS = 30_000
const STOP_MS = 30_000

/**
 * Why no Slurm can be started here. In CI it must be possible.
 *
 * @returns {string | undefined}
 */
export function whyNoSlurm() {
  const missing = PROGRAMS.filter((name) => spawnSync('which', [name], { env: { PATH } }).status !== 0)
  const why =
    missing.length > 0
      ? `Slurm is not installed: ${missing.join(', ')}`
      : process.getuid?.() === 0
        ? undefined
        : 'Slurm starts as root only'
  if (why && process.env['CI']) throw new Error(`CI tests on a real Slurm: ${why}`)
  return why
}

/**
 * Starts nodes n1, n2 … of 4 CPUs and one made-up GPU each.
 *
 * @param {string} folder that is not there yet
 * @param {{ nodes?: number }} [options]
 * @returns {Promise<Slurm>}
 */
export async function startSlurm(folder, { nodes = 3 } = {}) {
  const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const name of ['state', ...names]) mkdirSync(join(folder, name))
  const conf = join(folder, 'slurm.conf')
  const key = join(folder, 'munge.key')
  const socket = join(folder, 'munge.socket')
  writeFileSync(key, randomBytes(128), { mode: 0o400 })
  writeFileSync(conf, configuration(folder, socket, names, await freePorts(nodes + 1)))
  writeFileSync(join(folder, 'gres.conf'), 'Name=gpu File=/dev/null\n')

  const env = { PATH, [MARK]: conf }
  const stop = async () => killMarked(conf)
  /** @type {(log: string, program: string, ...args: string[]) => void} */
  const start = (log, program, ...args) => {
    const out = openSync(join(folder, `${log}.log`), 'a')
    spawn(program, args, { env, stdio: ['ignore', out, out] }).on('error', () => {})
  }
  const mungeFiles = ['pid', 'seed', 'log'].map((name) => `--${name}-file=${join(folder, `munged.${name}`)}`)
  try {
    start(
      'munged',
      'munged',
      '--foreground',
      '--force',
      `--key-file=${key}`,
      `--socket=${socket}`,
      ...mungeFiles,
    )
    await until(() => spawnSync('munge', ['-n', '-S', socket], { env }).status === 0, 'munged', folder)
    start('slurmctld', 'slurmctld', '-D', '-f', conf)
    for (const name of names) start(name, 'slurmd', '-D', '-N', name, '-f', conf)
    const idle = () => spawnSync('sinfo', ['-h', '-N', '-o', '%T'], { env, encoding: 'utf8' }).stdout
    await until(() => idle().match(/^idle$/gm)?.length === nodes, 'its nodes', folder)
    return { env, folder, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * @param {string} folder
 * @param {string} socket of munged
 * @param {string[]} names
 * @param {number[]} ports of slurmctld and of each node
 */
function configuration(folder, socket, names, [port, ...nodePorts]) {
  return `ClusterName=test
SlurmctldHost=localhost
SlurmctldPort=${port}
SlurmUser=root
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/%n/slurmd.pid
SlurmdSpoolDir=${folder}/%n
StateSaveLocation=${folder}/state
AuthType=auth/munge
CredType=cred/munge
# Of the credential: a job that is requeued waits for its end, two minutes otherwise.
AuthInfo=socket=${socket},cred_expire=5
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
DependencyParameters=kill_invalid_depend
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=${folder}/completed.txt
SlurmdParameters=config_overrides
ReturnToService=2
RequeueExit=75
MinJobAge=3600
KillWait=5
GresTypes=gpu
${names.map((name, i) => `NodeName=${name} NodeHostname=localhost Port=${nodePorts[i]} CPUs=4 RealMemory=4000 Gres=gpu:1`).join('\n')}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`
}

/** @param {number} number */
async function freePorts(number) {
  const servers = Array.from({ length: number }, () => createServer().listen(0))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/**
 * @param {() => boolean} isSo
 * @param {string} what is waited for
 * @param {string} folder
 */
async function until(isSo, what, folder) {
  for (const endMs = Date.now() + START_MS; !isSo(); await sleep(50)) {
    if (Date.now() > endMs)
      throw new Error(`Slurm does not start: waited for ${what}. See the logs in ${folder}`)
  }
}

/** @param {string} conf */
async function killMarked(conf) {
  for (const endMs = Date.now() + STOP_MS; ; await sleep(20)) {
    const alive = marked(conf)
    if (alive.length === 0) return
    if (Date.now() > endMs) throw new Error(`Processes of Slurm do not end: ${alive.join(', ')}`)
    for (const pid of alive) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

/**
 * Processes with the mark in their environment, whoever is their parent now.
 *
 * @param {string} conf
 */
function marked(conf) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${MARK}=${conf}`)
      } catch {
        return false
      }
    })
    .map(Number)
}
