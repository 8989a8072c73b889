import { createHash } from 'node:crypto'
import { ownVersion } from '../own-version.js'
import { formatPlan, type RunPlan } from '../run-plan.js'
import { PLAN_NAME, runFolders, STAGES, SUBMIT_NAME, type Stage } from '../run-layout.js'
import { directiveWord, shellWord } from './quote.js'

/** A run on a cluster: what its scripts say. All paths are absolute. */
export interface ClusterRun {
  /** Words that start facekit. */
  program: readonly string[]
  /** Where it was submitted. */
  workingFolder: string
  /** A folder of images or a list. */
  input: string
  /** The folder of the run. */
  run: string
  parts: number
  /** Words for each stage beside what the layout of the folder says. */
  words: Readonly<Record<Stage, readonly string[]>>
  /** Options for sbatch, each in one or several words. */
  directives: Readonly<Record<Stage, readonly (readonly string[])[]>>
}

/** Seconds before the end of its time that a task is told of it: what is being computed ends, and is recorded. */
const NOTICE_S = 120

/** A task that is killed has most likely too little memory, and will not have more. */
const RESTARTS_AFTER_KILL = 5

/** Labels may be made again by other flags. */
export function planOf({ parts, input, words }: ClusterRun): RunPlan {
  const flags = [...words.extract, ...words.search].map((word) => {
    const [name = word, ...value] = word.split('=')
    return [name, value.join('=')] as const
  })
  return { parts, of: { '--input': input, ...Object.fromEntries(flags) } }
}

/** Files that are kept beside the output: by their names, what is in them. */
export function scriptsOf(run: ClusterRun): Map<string, string> {
  return new Map([
    [PLAN_NAME, formatPlan(planOf(run))],
    ...STAGES.map((stage) => [`${stage}.sh`, batchScript(stage, run)] as const),
    [SUBMIT_NAME, submitScript(run)],
  ])
}

function batchScript(stage: Stage, run: ClusterRun): string {
  const { program, workingFolder, words, directives, parts } = run
  const isArray = stage !== 'label'
  const lines = [
    `--output=logs/${isArray ? `${stage}-%a` : stage}.log`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:TERM@${NOTICE_S}`,
    '--nodes=1',
    '--ntasks=1',
    ...directives[stage].map((option) => option.map(directiveWord).join(' ')),
  ]
  const task = [
    ...[...program, stage, ...layoutWords(stage, run)].map(shellWord),
    ...(isArray ? [`--part="$SLURM_ARRAY_TASK_ID/${parts}"`, '--resume'] : []),
    ...words[stage].map(shellWord),
  ]
  return `#!/bin/bash
# Written by facekit ${ownVersion()}, to be read and edited; submit.sh submits it, with the parts and what they wait for.
${lines.map((line) => `#SBATCH ${line}`).join('\n')}

cd ${shellWord(workingFolder)} || exit 3
task=(
${task.map((word) => `  ${word}`).join('\n')}
)
job=${isArray ? '${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID' : '$SLURM_JOB_ID'}
echo "$(date '+%F %T') job $job on $SLURMD_NODENAME, restart \${SLURM_RESTART_COUNT:-0}"

# Slurm tells this script alone that time is up (B:TERM). The task is told, and waited for.
trap 'kill -TERM $! 2>/dev/null' TERM
"\${task[@]}" &
while wait $!; status=$?; kill -0 $! 2>/dev/null; do :; done

# What a signal ended (time, preemption, memory, a hand) goes on later. Killed again and again it would be in vain;
# what was cancelled is no longer running, and stays so.
if ((status >= 128)) && ((status != 137 || \${SLURM_RESTART_COUNT:-0} < ${RESTARTS_AFTER_KILL})); then
  echo "$(date '+%F %T') ended by signal $((status - 128))"
  state=$(squeue --noheader --jobs="$job" --format=%T)
  if [[ $state == RUNNING ]] && scontrol requeue "$job"; then exit "$status"; fi
  # Clusters with RequeueExit=75 do the same.
  exit 75
fi
exit "$status"
`
}

function layoutWords(stage: Stage, { input, run }: ClusterRun): string[] {
  const { extract: embeddings, search: edges, label: labels } = runFolders(run)
  switch (stage) {
    case 'extract':
      return [`--input=${input}`, `--output=${embeddings}`]
    case 'search':
      return [`--input=${embeddings}`, `--output=${edges}`]
    case 'label':
      return [`--input=${embeddings}`, `--edges=${edges}`, `--output=${labels}`]
  }
}

/** Jobs of a run have names of their own, so that they are found in the queue. */
function runId(run: string): string {
  return createHash('sha256').update(run).digest('hex').slice(0, 8)
}

function submitScript({ program, run, parts }: ClusterRun): string {
  return `#!/bin/bash
# Written by facekit ${ownVersion()}: submits what of the run is neither done nor in the queue. It may be run at any time.
set -euo pipefail
shopt -s inherit_errexit

run=${shellWord(run)}
id=${runId(run)} # of the jobs of this run
facekit=(${program.map(shellWord).join(' ')})
cd ${shellWord(runFolders(run).slurm)}
mkdir -p logs

# afterok TASK...: what waits until all of them have succeeded
afterok() {
  if (($# > 0)); then
    printf afterok
    printf ':%s' "$@"
  fi
}

# ranges NUMBER...: ascending, as sbatch has them: 0-3,7
ranges() {
  local list='' first=$1 last=$1 number
  shift
  for number in "$@" ''; do
    if [[ $number ]] && ((number == last + 1)); then last=$number && continue; fi
    list+=\${list:+,}$first
    if ((last > first)); then list+=-$last; fi
    first=$number last=$number
  done
  echo "$list"
}

# submit STAGE DEPENDENCY OPTION...: the number of the job
submit() {
  local stage=$1 dependency=$2 job
  shift 2
  # What can never begin leaves the queue.
  if [[ $dependency ]]; then set -- "$@" --dependency="$dependency" --kill-on-invalid-dep=yes; fi
  job=$(sbatch --parsable --job-name="$stage-$id" "$@" "$stage.sh")
  echo "\${job%%;*}"
}

# submit_parts STAGE DEPENDENCY: \${tasks[@]} are those of the stage in the queue then, old and new
submit_parts() {
  local stage=$1 dependency=$2 queued parts part list job missing=()
  queued=$(squeue --me --noheader --array --name="$stage-$id" --format=%i)
  parts=$("\${facekit[@]}" status "$run" --missing "$stage")
  for part in $parts; do
    if [[ $queued$'\\n' != *"_$part"$'\\n'* ]]; then missing+=("$part"); fi
  done
  tasks=()
  if [[ $queued ]]; then mapfile -t tasks <<<"$queued"; fi
  if ((\${#missing[@]} == 0)); then
    echo "$stage: nothing to submit, \${#tasks[@]} tasks in the queue"
    return
  fi
  list=$(ranges "\${missing[@]}")
  job=$(submit "$stage" "$dependency" --array="$list")
  for part in "\${missing[@]}"; do tasks+=("\${job}_$part"); done
  echo "$stage: job $job, \${#missing[@]} of ${parts} parts"
}

submit_parts extract ""
submit_parts search "$(afterok "\${tasks[@]}")"
# One that waits already does not wait for all of these; one that runs is let finish (singleton).
scancel --user="$(id -u)" --name="label-$id" --state=PENDING
dependency=$(afterok "\${tasks[@]}")
job=$(submit label "\${dependency:+$dependency,}singleton")
echo "label: job $job"
echo "Progress: $(printf '%q ' "\${facekit[@]}")status $(printf '%q' "$run")"
`
}
