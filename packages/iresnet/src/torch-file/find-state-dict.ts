import type { PickleValue } from '@facekit/pickle'
import { PickleDict, typeName } from '@facekit/pickle'
import { isNetwork } from '../is-network.js'
import { DeclaredTensor } from './declared.js'
import type { InputFile } from './input-file.js'

/** Wrappers in wrappers: `{'model': {'state_dict': …}}` has two. */
const MAX_WRAPPERS = 4
/** What a network may be part of: DistributedDataParallel, torch.compile, a trainer, each a name in a name. */
const MAX_PREFIX_PARTS = 8
/** Longer names have no prefix that is looked at. */
const MAX_NAME = 1024
/** Of one state dict: a hundred times as many as a model of hundreds of layers has, which bounds time and memory. */
const MAX_PREFIXES = 2 ** 16
/** Where trainers keep tensors of which none is a weight. */
const NO_WEIGHTS = /(?:^|[._])(?:optim|sched)/i
/** What a model that is part of another calls it, for those that are no network known here. */
const PREFIXES = ['module.', '_orig_mod.', 'backbone.', 'model.', 'network.', 'net.', 'encoder.']
/** For messages. */
const MAX_NAMED_KEYS = 5
const MAX_QUOTED = 60
const FIX = "fix: torch.save(model.state_dict(), 'weights.pth')"

type Tensors = ReadonlyMap<string, DeclaredTensor>

/** A dict with tensors in it. */
interface Holder {
  /** The keys that lead to it, each with a dot after it. */
  path: string
  tensors: Tensors
}

export interface FoundStateDict {
  tensors: Tensors
  /** What was taken off all names. */
  prefix: string
  /** Names of the tensors that stand beside the network: the classifier of a training run. */
  leftOut: readonly string[]
}

/**
 * The tensors of a network, which may be wrapped in a checkpoint beside optimizer state, epochs and other things, and
 * be part of a model: all these are left out. Where there is no network that is known here, the largest state dict.
 *
 * @throws IresnetError `TORCH_FILE` where there is none, or more than one
 */
export function findStateDict(file: InputFile, root: PickleValue): FoundStateDict {
  if (!(root instanceof PickleDict)) {
    throw file.damaged(`holds ${typeName(root)}, expected a state dict; ${FIX}`)
  }
  const holders = [...findHolders(root, '', new Set())]
  const networks = holders.flatMap(({ path, tensors }) =>
    networksIn(tensors).map((prefix) => ({ path, tensors, prefix })),
  )
  const [network] = networks
  if (!network) return largest(file, root, holders)
  if (networks.length > 1) {
    const names = networks.map(({ path, prefix }) => quoted(`${path}${prefix}*`))
    throw file.damaged(`has several networks, ${list(names)}, expected one; fix: save one of them alone`)
  }
  return { ...withoutPrefix(network.tensors, network.prefix), prefix: network.prefix }
}

/** @param seen dicts that were looked into: one may stand in many places */
function* findHolders(dict: PickleDict, path: string, seen: Set<PickleDict>, depth = 0): Generator<Holder> {
  seen.add(dict)
  const tensors = new Map<string, DeclaredTensor>()
  for (const [key, value] of dict.entries) {
    if (typeof key !== 'string') continue
    if (value instanceof DeclaredTensor) tensors.set(key, value)
    else if (value instanceof PickleDict && !seen.has(value) && depth < MAX_WRAPPERS)
      yield* findHolders(value, `${path}${key}.`, seen, depth + 1)
  }
  if (tensors.size > 0) yield { path, tensors }
}

/** The prefixes under which there is a whole network. */
function networksIn(tensors: Tensors): string[] {
  const prefixes = new Set([''])
  for (const name of tensors.keys()) {
    if (name.length > MAX_NAME || prefixes.size > MAX_PREFIXES) continue
    let end = 0
    for (let parts = 0; parts < MAX_PREFIX_PARTS && (end = name.indexOf('.', end) + 1) > 0; parts++)
      prefixes.add(name.slice(0, end))
  }
  return [...prefixes].filter((prefix) => isNetwork((name) => tensors.has(prefix + name)))
}

function withoutPrefix(tensors: Tensors, prefix: string): { tensors: Tensors; leftOut: string[] } {
  const taken = new Map<string, DeclaredTensor>()
  const leftOut: string[] = []
  for (const [name, tensor] of tensors) {
    if (name.startsWith(prefix)) taken.set(name.slice(prefix.length), tensor)
    else leftOut.push(name.slice(0, MAX_NAME))
  }
  return { tensors: taken, leftOut }
}

/** For what is no network that is known here: those who know it take it, and who does not can say what there is. */
function largest(file: InputFile, root: PickleDict, all: readonly Holder[]): FoundStateDict {
  const holders = all.filter(({ path }) => !NO_WEIGHTS.test(path.slice(0, MAX_NAME)))
  const size = holders.reduce((most, { tensors }) => Math.max(most, tensors.size), 0)
  const [only, ...others] = holders.filter(({ tensors }) => tensors.size === size)
  if (!only) {
    const keys = [...root.entries.keys()].map((key) =>
      typeof key === 'string' ? quoted(key) : typeName(key),
    )
    const what = keys.length === 0 ? 'an empty dict' : `a dict of ${keys.length} keys such as ${list(keys)}`
    throw file.damaged(`has no tensors: it holds ${what}, expected a state dict; ${FIX}`)
  }
  if (others.length > 0) {
    const names = [only, ...others].map(({ path }) => quoted(path.slice(0, -1)))
    throw file.damaged(`has several state dicts, under ${list(names)}, expected one; ${FIX}`)
  }
  let { tensors } = only
  let taken = ''
  for (;;) {
    const prefix = PREFIXES.find((some) => [...tensors.keys()].every((name) => name.startsWith(some)))
    if (prefix === undefined) return { tensors, prefix: taken, leftOut: [] }
    tensors = withoutPrefix(tensors, prefix).tensors
    taken += prefix
  }
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, MAX_QUOTED))
}

function list(names: readonly string[]): string {
  const more = names.length - MAX_NAMED_KEYS
  return `${names.slice(0, MAX_NAMED_KEYS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
