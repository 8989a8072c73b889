import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { partOther, readAllParts, readSettled, type RowFile } from '@facekit/core'
import { isInteger, isNumeric } from './dtype.js'
import { NpyError } from './errors.js'
import type { Member, Part } from './file-names.js'
import { fingerprintOf } from './file-io.js'
import { listMembers, memberName } from './file-names.js'
import type { NpyFile } from './npy-file.js'
import { openNpy } from './npy-file.js'
import { isNativeFloat32 } from './numbers.js'
import { otherMembers } from './other-layouts.js'

/** The files that belong together, with their full paths. */
export interface Shard {
  fpaths: string
  embs: string
  /** Without it the rows count as the input order. */
  indices: string | undefined
  rows: number
  /** Where the embeddings can be read by position; undefined where they must be converted on reading. */
  rowFile: RowFile | undefined
}

/** Paths and embeddings in a folder, checked against each other. */
export interface FileSet {
  folder: string
  /** Of all shards together. */
  rows: number
  /** 0 where there are no rows and the files do not say. */
  dim: number
  /** Whether stage 1 L2-normalised the rows; by the files' names. */
  normalized: boolean
  /** In numeric order. */
  shards: Shard[]
  /** Of each file as it was when the set was opened: see `checkUnchanged`. */
  fingerprints: ReadonlyMap<string, string>
}

/**
 * Finds the file set in `folder`, merged or numbered or `embeddings.npy` with `paths.npy`, and checks that every shard is
 * there and every file has its partner, that counts and dims agree and that every header is sound. No rows are read. A set
 * that a killed run had not moved into its place whole is finished first; where one is moved meanwhile, it is the one that
 * is opened.
 *
 * @throws NpyError `FILE_SET_…`, or what `openNpy` throws; FacekitError what `settleOutput` throws, and `PART_…` for a set
 * of which parts are missing or do not belong together
 */
export async function openFileSet(folder: string): Promise<FileSet> {
  // Shards that came first would pass for all.
  return readSettled(folder, async () => openMembers(folder))
}

async function openMembers(folder: string): Promise<FileSet> {
  const members = await listMembers(folder)
  await checkParts(folder, members)
  const groups = groupMembers(folder, members.length > 0 ? members : await otherMembers(folder))
  const normalized = checkEmbeddingNames(folder, groups)
  checkNumbers(folder, groups)
  const withIndices = groups.some((group) => group.names.indices !== undefined)
  const shards: Shard[] = []
  const fingerprints = new Map<string, string>()
  let dim: number | undefined
  let dimFile = ''
  for (const group of groups) {
    const { shard, embs, files } = await openShard(folder, group, normalized, withIndices)
    for (const { file, fingerprint } of files) fingerprints.set(file, fingerprint)
    const shardDim = dimOf(embs, shard)
    shards.push(shard)
    if (shardDim === undefined) continue
    if (dim !== undefined && dim !== shardDim) {
      throw new NpyError('FILE_SET_MISMATCH', embs.file, `has dim ${shardDim}, but ${dimFile} has dim ${dim}`)
    }
    dim = shardDim
    dimFile = embs.file
  }
  const rows = shards.reduce((sum, shard) => sum + shard.rows, 0)
  return { folder, rows, dim: dim ?? 0, normalized, shards, fingerprints }
}

/**
 * Checks, after all was read, that every file is the one that was opened and was not written to: paths of one set and
 * embeddings of another would make wrong labels of equal counts.
 *
 * @throws NpyError `FILE_SET_CHANGED`
 */
export async function checkUnchanged({ fingerprints }: FileSet): Promise<void> {
  for (const [file, fingerprint] of fingerprints) {
    const stats = await stat(file, { bigint: true }).catch(() => undefined)
    if (stats && fingerprintOf(stats) === fingerprint) continue
    throw new NpyError(
      'FILE_SET_CHANGED',
      file,
      `was ${stats ? 'replaced or written to' : 'removed'} while it was read: what was read may be of two sets. Run again when nothing writes there`,
    )
  }
}

/** Where all rows of a set can be read by position; undefined where any must be converted on reading. */
export function rowFilesOf({ shards }: FileSet): RowFile[] | undefined {
  const files = shards.flatMap(({ rowFile }) => rowFile ?? [])
  return files.length === shards.length ? files : undefined
}

interface Group {
  number: number | undefined
  names: Partial<Record<Part, string>>
}

function groupMembers(folder: string, members: readonly Member[]): Group[] {
  const groups = new Map<number | undefined, Group>()
  for (const { name, part, number } of members) {
    const group = groups.get(number) ?? { number, names: {} }
    const twin = group.names[part]
    if (twin !== undefined) throw ambiguous(folder, twin, name)
    group.names[part] = name
    groups.set(number, group)
  }
  const merged = groups.get(undefined)
  const numbered = [...groups.values()].find((group) => group.number !== undefined)
  if (merged && numbered) throw ambiguous(folder, anyName(merged), anyName(numbered))
  return [...groups.values()].sort((a, b) => (a.number ?? 0) - (b.number ?? 0))
}

/** @returns whether the set is normalised */
function checkEmbeddingNames(folder: string, groups: Group[]): boolean {
  const plain = groups.find((group) => group.names.embs)?.names.embs
  const normalized = groups.find((group) => group.names.embs_norm)?.names.embs_norm
  if (plain !== undefined && normalized !== undefined) throw ambiguous(folder, plain, normalized)
  return normalized !== undefined
}

/** Of a set that is made in parts, all must be there, and nothing else. */
async function checkParts(folder: string, members: readonly Member[]): Promise<void> {
  const parts = await readAllParts(folder, 'embeddings')
  if (!parts) return
  const names = new Set(parts.flatMap(({ files }) => files.map(({ name }) => name)))
  const other = members.find(({ name }) => !names.has(name))
  if (other) throw partOther(folder, `${other.name} is of none of the parts there`)
}

/** Shards are numbered from 0 without gaps: a number that is missing is a file that was lost. */
function checkNumbers(folder: string, groups: Group[]): void {
  const at = groups.findIndex(({ number }, i) => number !== undefined && number !== i)
  if (at === -1) return
  throw new NpyError(
    'FILE_SET_INCOMPLETE',
    folder,
    `holds shard ${groups[at]!.number} but no shard ${at}; expected shards numbered from 0 without gaps. Fix: bring ${memberName('fpaths', at)} and its partners here, or renumber the shards if there are no more`,
  )
}

async function openShard(
  folder: string,
  { number, names }: Group,
  normalized: boolean,
  withIndices: boolean,
): Promise<{ shard: Shard; embs: NpyFile; files: NpyFile[] }> {
  const embsPart = normalized ? 'embs_norm' : 'embs'
  const pathOf = (part: Part): string => {
    const name = names[part]
    if (name !== undefined) return join(folder, name)
    const missing =
      part === embsPart && !normalized
        ? `${memberName('embs', number)} (or embs_norm)`
        : memberName(part, number)
    throw new NpyError(
      'FILE_SET_INCOMPLETE',
      folder,
      `holds ${anyName({ number, names })} but not ${missing}`,
    )
  }
  const fpaths = await inspect(pathOf('fpaths'))
  const embs = await inspect(pathOf(embsPart))
  const indices = withIndices ? await inspect(pathOf('indices')) : undefined
  checkList(
    fpaths,
    'paths',
    fpaths.dtype.kind === 'U' || fpaths.dtype.kind === 'S',
    fpaths.dtype.kind === 'O'
      ? 'np.load(file, allow_pickle=True).astype(str)), which runs what is in it, so for your own files only'
      : 'np.array(paths, dtype=str))',
  )
  checkEmbeddings(embs, fpaths)
  if (indices) {
    checkList(indices, 'indices', isInteger(indices.dtype), 'np.load(file).astype(np.int64))')
    checkCount(indices, indices.rows, fpaths)
  }
  return {
    shard: {
      fpaths: fpaths.file,
      embs: embs.file,
      indices: indices?.file,
      rows: fpaths.rows,
      rowFile:
        isNativeFloat32(embs.dtype) && !embs.isColumnMajor
          ? { path: embs.file, offset: embs.dataOffset, rows: fpaths.rows }
          : undefined,
    },
    embs,
    files: [fpaths, embs, ...(indices ? [indices] : [])],
  }
}

function checkList(npy: NpyFile, what: string, rightDtype: boolean, fix: string): void {
  if (!rightDtype) {
    throw new NpyError(
      'NPY_DTYPE',
      npy.file,
      `has dtype ${npy.dtype.descr}, expected ${what}; fix: np.save(file, ${fix}`,
    )
  }
  if (npy.shape.length !== 1) {
    throw new NpyError(
      'NPY_SHAPE',
      npy.file,
      `has shape ${shapeText(npy)}, expected one dimension of ${what}; fix: np.save(file, np.load(file).reshape(-1))`,
    )
  }
}

function checkEmbeddings(embs: NpyFile, fpaths: NpyFile): void {
  if (!isNumeric(embs.dtype)) {
    const fix =
      embs.dtype.kind === 'O'
        ? '; object arrays hold Python objects. Fix, which runs what is in them, so for your own files only: ' +
          'np.save(file, np.stack(np.load(file, allow_pickle=True)).astype(np.float32))'
        : ''
    throw new NpyError(
      'NPY_DTYPE',
      embs.file,
      `has dtype ${embs.dtype.descr}, expected float32 embeddings${fix}`,
    )
  }
  if (fpaths.rows > 0 && embs.shape.at(-1) === 0) {
    throw new NpyError(
      'NPY_SHAPE',
      embs.file,
      `has shape ${shapeText(embs)}, expected (${fpaths.rows}, dim): it holds no numbers for the paths beside it. ` +
        `Fix: make the embeddings again, and np.save(file, np.vstack(list_of_embs))`,
    )
  }
  if (embs.shape.length === 1) {
    // One path beside it: one embedding saved without its batch axis, and no doubt about what it means.
    if (fpaths.rows === 1 || (fpaths.rows === 0 && embs.rows === 0)) return
    throw new NpyError(
      'NPY_SHAPE',
      embs.file,
      `has shape ${shapeText(embs)}, expected (${fpaths.rows}, dim). One dimension usually means one embedding that was ` +
        `saved without its batch axis; fix: np.save(file, embs[None, :]), or np.vstack(list_of_embs) for several`,
    )
  }
  if (embs.shape.length !== 2) {
    throw new NpyError(
      'NPY_SHAPE',
      embs.file,
      `has shape ${shapeText(embs)}, expected (${fpaths.rows}, dim); fix: np.save(file, embs.reshape(len(embs), -1))`,
    )
  }
  checkCount(embs, embs.rows, fpaths)
}

function checkCount(npy: NpyFile, rows: number, fpaths: NpyFile): void {
  if (rows === fpaths.rows) return
  throw new NpyError('FILE_SET_MISMATCH', npy.file, `has ${rows} rows, but ${fpaths.file} has ${fpaths.rows}`)
}

/** `undefined` where an empty array does not say. */
function dimOf(embs: NpyFile, shard: Shard): number | undefined {
  if (embs.shape.length === 1) return shard.rows === 1 ? embs.rows : undefined
  return shard.rows === 0 && embs.rowLength === 0 ? undefined : embs.rowLength
}

/** Reads the header only. */
async function inspect(file: string): Promise<NpyFile> {
  const npy = await openNpy(file)
  await npy.close()
  return npy
}

function ambiguous(folder: string, one: string, other: string): NpyError {
  return new NpyError(
    'FILE_SET_AMBIGUOUS',
    folder,
    `holds both ${one} and ${other}: two file sets; expected one. Fix: move one of them to another folder`,
  )
}

function anyName({ names }: Group): string {
  return Object.values(names)[0] ?? ''
}

function shapeText(npy: NpyFile): string {
  return `(${npy.shape.join(', ')}${npy.shape.length === 1 ? ',' : ''})`
}
