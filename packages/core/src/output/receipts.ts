import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEmbeddingRun, type EmbeddingRun } from '../embedding-run.js'
import { FacekitError } from '../errors.js'
import { isNameOf, isOutputKind, type OutputKind } from './output-kinds.js'
import { nameOfPart, parsePartName, sayPart, type Part } from './part.js'
import { readRecord } from './output-record.js'
import { partsIn, placeOf } from './place.js'
import { identityDifferences, parseIdentity, type RunIdentity } from './run-record.js'

const VERSION = 1

/** Says what a part of a result is. It stands beside the files of the part, and comes when all of them are there. */
export interface Receipt {
  kind: OutputKind
  part: Part
  /** What the result is of: the same for all of its parts. */
  of: RunIdentity
  /** What there is in it, and was done for it, by what it is. */
  counts: Readonly<Record<string, number>>
  /** Of work, over all runs that it took. */
  seconds: number
  files: readonly PartFile[]
  /** What made it, where it holds embeddings and says so. */
  run?: EmbeddingRun
}

/** A file of a part, as its receipt says it. */
export interface PartFile {
  name: string
  bytes: number
  /** Hexadecimal; where nobody else looks at what is in the file. */
  sha256?: string
}

/** Numbers in a message. */
const MOST_LISTED = 12

/** Name of the file of a receipt: `part_3_of_64.json`. */
export function receiptName(part: Part): string {
  return `${nameOfPart(part)}.json`
}

/** A receipt as the JSON text of its file. */
export function formatReceipt({ kind, part, of, counts, seconds, files, run }: Receipt): string {
  const receipt = {
    version: VERSION,
    kind,
    part: part.number,
    parts: part.of,
    of,
    counts,
    seconds: Number(seconds.toFixed(3)),
    files,
    ...(run && { run }),
  }
  return `${JSON.stringify(receipt, undefined, 2)}\n`
}

/**
 * Reads the receipts in a folder, whatever parts are missing.
 *
 * @throws FacekitError `PART_DAMAGED` for what is none, or is of another part than its name says
 */
export async function readReceipts(folder: string, kind: OutputKind): Promise<Receipt[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  const parts = names.flatMap((name) =>
    name.endsWith('.json') ? (parsePartName(name.slice(0, -5)) ?? []) : [],
  )
  const receipts: Receipt[] = []
  for (const part of parts) {
    const receipt = await readReceipt(folder, kind, part)
    if (receipt) receipts.push(receipt)
  }
  return receipts.sort((a, b) => a.part.of - b.part.of || a.part.number - b.part.number)
}

/** What was made in a folder is of, all at once or in parts; undefined where that is not said. */
export async function identityIn(folder: string, kind: OutputKind): Promise<RunIdentity | undefined> {
  const whole = (await readRecord(folder, placeOf())).get(kind)?.identity
  return whole ?? (await readReceipts(folder, kind))[0]?.of
}

/**
 * The receipt of a part.
 *
 * @returns undefined where it is not there
 */
export async function readReceipt(
  folder: string,
  kind: OutputKind,
  part: Part,
): Promise<Receipt | undefined> {
  const path = join(folder, receiptName(part))
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (text === undefined) return undefined
  try {
    return parse(text, kind, part)
  } catch (cause) {
    throw partDamaged(path, (cause as Error).message, { cause })
  }
}

/**
 * All parts of a result: none is missing or there twice, all are of the same, and their files have the sizes that they
 * were made with.
 *
 * @returns in their order; undefined where no part is there, nor was begun
 * @throws FacekitError `PART_MISSING`, `PART_OTHER`, `PART_DAMAGED`, which name the parts
 */
export async function readAllParts(folder: string, kind: OutputKind): Promise<Receipt[] | undefined> {
  const receipts = await readReceipts(folder, kind)
  const parts = [...receipts.map(({ part }) => part), ...(await partsIn(folder))]
  if (parts.length === 0) return undefined
  const { of } = parts[0]!
  const other = parts.find((part) => part.of !== of)
  if (other) throw partOther(folder, `${sayPart(other)} is there beside ${sayPart(parts[0]!)}`)
  const there = new Set(receipts.map(({ part }) => part.number))
  const missing = Array.from({ length: of }, (_, number) => number).filter((number) => !there.has(number))
  if (missing.length > 0) throw partMissing(folder, kind, of, missing)
  for (const { part, of: identity } of receipts) {
    const differences = identityDifferences(receipts[0]!.of, identity)
    if (differences.length > 0) throw partOther(folder, `of part ${sayPart(part)} ${differences.join('; ')}`)
  }
  for (const { files } of receipts) for (const file of files) await checkPartFile(folder, file)
  return receipts
}

/**
 * For a part that is about to be made.
 *
 * @throws FacekitError `PART_OTHER` where the folder holds parts of another number of them
 */
export async function checkPartFits(folder: string, part: Part): Promise<void> {
  const other = (await partsIn(folder)).find(({ of }) => of !== part.of)
  if (other) throw partOther(folder, `${sayPart(other)} is there, and ${sayPart(part)} is to be made`)
}

/**
 * A part that is there, of what it is to be made of, with all of its files: there is nothing to do.
 *
 * @throws FacekitError `PART_DAMAGED` for a file that is not as the part made it
 */
export async function finishedPart(
  folder: string,
  kind: OutputKind,
  part: Part,
  of: RunIdentity,
): Promise<Receipt | undefined> {
  const receipt = await readReceipt(folder, kind, part)
  if (!receipt || identityDifferences(receipt.of, of).length > 0) return undefined
  for (const file of receipt.files) {
    if (!(await stat(join(folder, file.name)).catch(() => undefined))) return undefined
    await checkPartFile(folder, file)
  }
  return receipt
}

/**
 * For a part that is about to be made: the others, and the part itself where it is not to be made anew, must be of the same.
 *
 * @throws FacekitError `PART_OTHER`
 */
export async function checkPartsAgree(
  folder: string,
  kind: OutputKind,
  part: Part,
  of: RunIdentity,
  isAnew: boolean,
): Promise<void> {
  for (const receipt of await readReceipts(folder, kind)) {
    if (isAnew && receipt.part.number === part.number) continue
    const differences = identityDifferences(receipt.of, of)
    if (differences.length === 0) continue
    throw partOther(
      folder,
      `part ${sayPart(receipt.part)} is there, and for ${sayPart(part)} ${differences.join('; ')}`,
    )
  }
}

/** @throws FacekitError `PART_DAMAGED` */
export async function checkPartFile(folder: string, { name, bytes }: PartFile): Promise<void> {
  const path = join(folder, name)
  const stats = await stat(path).catch((cause: Error) => {
    throw partDamaged(path, cause.message, { cause })
  })
  if (stats.size !== bytes) throw partDamaged(path, `it has ${stats.size} bytes of ${bytes}`)
}

/** An error for a file of a part that is not as it was made, `PART_DAMAGED`. */
export function partDamaged(path: string, what: string, options?: ErrorOptions): FacekitError {
  return new FacekitError(
    'PART_DAMAGED',
    `Expected ${path} as its part made it but ${what}. Remove it, and make its part again with --resume.`,
    options,
  )
}

/** An error for parts that are not of one result, `PART_OTHER`. */
export function partOther(folder: string, what: string): FacekitError {
  return new FacekitError(
    'PART_OTHER',
    `Expected parts of one result in ${folder} but ${what}: they do not belong together. Remove those that do not belong there, or choose another folder.`,
  )
}

const COMMANDS: Partial<Record<OutputKind, string>> = { embeddings: 'extract', edges: 'search' }

function partMissing(folder: string, kind: OutputKind, of: number, missing: readonly number[]): FacekitError {
  const more = missing.length - MOST_LISTED
  const listed = missing.slice(0, MOST_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '')
  return new FacekitError(
    'PART_MISSING',
    `Expected all ${of} parts of the ${kind} in ${folder} but ${missing.length === 1 ? 'part' : 'parts'} ${listed} ${missing.length === 1 ? 'is' : 'are'} missing. Make ${missing.length === 1 ? 'it' : 'them'}: facekit ${COMMANDS[kind]} … --part ${missing[0]}/${of}.`,
  )
}

function parse(text: string, kind: OutputKind, expected: Part): Receipt {
  const receipt = JSON.parse(text) as unknown
  if (!isObject(receipt)) throw new Error('it holds no receipt')
  const { version, part: number, parts, of, counts, seconds, files, run } = receipt
  if (typeof version === 'number' && version > VERSION)
    throw new Error(`it is of version ${version}, of a facekit that is newer than this one`)
  if (version !== VERSION || typeof receipt['kind'] !== 'string' || !isOutputKind(receipt['kind']))
    throw new Error('it holds no receipt of a part')
  if (receipt['kind'] !== kind) throw new Error(`it is of ${receipt['kind']}, and not of ${kind}`)
  if (number !== expected.number || parts !== expected.of)
    throw new Error(`it is of part ${String(number)}/${String(parts)}`)
  if (!isCounts(counts) || typeof seconds !== 'number' || !Array.isArray(files))
    throw new Error('something is missing in it')
  const partFiles = files.map((file: unknown) => {
    if (!isPartFile(file) || !isNameOf(kind, file.name))
      throw new Error('it names a file that is none of a part')
    return file
  })
  const known = { kind, part: expected, of: parseIdentity(of), counts, seconds, files: partFiles }
  return run === undefined ? known : { ...known, run: parseEmbeddingRun(run) }
}

function isCounts(value: unknown): value is Record<string, number> {
  return isObject(value) && Object.values(value).every((count) => typeof count === 'number')
}

function isPartFile(value: unknown): value is PartFile {
  if (!isObject(value)) return false
  const { name, bytes, sha256 } = value
  return (
    typeof name === 'string' &&
    Number.isSafeInteger(bytes) &&
    (sha256 === undefined || typeof sha256 === 'string')
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
