import type { PickleValue } from '@facekit/pickle'
import { PickleDict, typeName } from '@facekit/pickle'
import { DeclaredTensor } from './declared.js'
import type { InputFile } from './input-file.js'

/** Where checkpoints keep the weights, in the order in which they are looked for. */
const WRAPPERS = [
  'state_dict_backbone',
  'backbone',
  'backbone_state_dict',
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'network',
  'net',
  'module',
  'encoder',
  'weights',
]
/** Wrappers in wrappers: `{'model': {'state_dict': …}}` has two. */
const MAX_WRAPPERS = 4
/** What a model that is part of another calls it: DistributedDataParallel, torch.compile, trainers. */
const PREFIXES = ['module.', '_orig_mod.', 'backbone.', 'model.', 'network.', 'net.', 'encoder.']
/** For messages. */
const MAX_NAMED_KEYS = 5
const FIX = "fix: torch.save(model.state_dict(), 'weights.pth')"

/**
 * The tensors of a state dict, which may be wrapped in a checkpoint beside optimizer state, epochs and other things:
 * all these are left out. A prefix that all names have is taken off.
 *
 * @throws IresnetError `TORCH_FILE` where there is none, or more than one
 */
export function findStateDict(file: InputFile, root: PickleValue): Map<string, DeclaredTensor> {
  if (!(root instanceof PickleDict)) {
    throw file.damaged(`holds ${typeName(root)}, expected a state dict; ${FIX}`)
  }
  const seen = new Set<PickleDict>()
  return withoutPrefix(unwrap(root, MAX_WRAPPERS, seen) ?? unwrapUnknown(file, root, seen))
}

/** @param seen dicts that were looked into: one may stand in many places */
function unwrap(
  dict: PickleDict,
  wrappers: number,
  seen: Set<PickleDict>,
): Map<string, DeclaredTensor> | undefined {
  seen.add(dict)
  for (const key of wrappers > 0 ? WRAPPERS : []) {
    const inner = dict.entries.get(key)
    if (!(inner instanceof PickleDict) || seen.has(inner)) continue
    const found = unwrap(inner, wrappers - 1, seen)
    if (found) return found
  }
  const tensors = new Map<string, DeclaredTensor>()
  for (const [name, value] of dict.entries) {
    if (typeof name === 'string' && value instanceof DeclaredTensor) tensors.set(name, value)
  }
  return tensors.size > 0 ? tensors : undefined
}

/** A wrapper of another name will do, where it is the only one. */
function unwrapUnknown(
  file: InputFile,
  root: PickleDict,
  seen: Set<PickleDict>,
): Map<string, DeclaredTensor> {
  const found = [...root.entries].flatMap(([key, value]) => {
    const tensors =
      value instanceof PickleDict && !seen.has(value) ? unwrap(value, MAX_WRAPPERS, seen) : undefined
    return tensors ? [{ key, tensors }] : []
  })
  const [only] = found
  if (only && found.length === 1) return only.tensors
  const keys = (found.length > 0 ? found.map(({ key }) => key) : [...root.entries.keys()])
    .slice(0, MAX_NAMED_KEYS)
    .map((key) => (typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : typeName(key)))
    .join(', ')
  if (found.length > 0) throw file.damaged(`has several state dicts, under ${keys}, expected one; ${FIX}`)
  const what =
    root.entries.size === 0 ? 'an empty dict' : `a dict of ${root.entries.size} keys such as ${keys}`
  throw file.damaged(`has no tensors: it holds ${what}, expected a state dict; ${FIX}`)
}

function withoutPrefix(tensors: Map<string, DeclaredTensor>): Map<string, DeclaredTensor> {
  const names = [...tensors.keys()]
  const prefix = PREFIXES.find((candidate) => names.every((name) => name.startsWith(candidate)))
  if (prefix === undefined) return tensors
  return withoutPrefix(new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])))
}
