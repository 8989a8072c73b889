import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checkMark, isFileMark, type EdgeBatch, type FileMark } from '@facekit/core'
import type { SortedPairs } from './blocks.js'
import { EdgeFileWriter, readEdgeFile } from './edge-file.js'
import { keptPairs } from './kept-pairs.js'
import { findListEnds } from './list-ends.js'
import { mergePairs, type PairSource } from './merge-pairs.js'
import { PairColumns } from './pair-columns.js'
import { selectEdges } from './select-edges.js'
import { inOrder, orderOfPairs, SORT_BYTES } from './sort-pairs.js'

/** A file of pairs that were found: sorted, each once. Of the pairs dropped none is in a list in the end. */
export interface Piece {
  name: string
  pairs: number
  first: { source: number; target: number }
  /** How often what is in it was merged. */
  level: number
  file: FileMark
}

/** What pairs are collected of, and where. */
export interface CollectorOptions {
  rows: number
  /** Neighbors that a row lists, at most, itself not counted; rows - 1 for all. */
  listLength: number
  /**
   * rows × float32, may be shared: kept up to date with a similarity that the last neighbor in the list of each row is not
   * below. Pairs below both of their ends' need not be added.
   */
  cutoffs: Float32Array
  /** What pairs may take in memory; beyond it they go into files. */
  memoryBytes: number
  /** Folder of these files, and of nothing else by such names; created where it is needed, and removed if it is empty then. */
  folder: string
  /** Files of an earlier collector to go on with, from the same folder. */
  pieces?: readonly Piece[]
}

/** A pair, its place in the order, and where it goes when the order is known. */
const PAIR_BYTES = 12 + SORT_BYTES

/** Pieces that are merged into one: so many files are open then, with a block each. */
const MERGED_PIECES = 8

/** Sorting so many takes some tenths of a second, in which no signal is heard and no unit dealt. */
const MOST_PAIRS = 2 ** 22

/** Of memory, the part for lists while their ends are sought. */
const LIST_SHARE = 1 / 4

/** What a collector takes in memory at least: blocks on their way from and into files. */
export const LEAST_COLLECTOR_BYTES = 2 ** 24

/** What a collector takes for each row, cutoffs included. */
export const COLLECTOR_ROW_BYTES = 8

const PIECE = /^piece-(\d+)\.parquet$/

/**
 * Collects pairs that a search finds, in any order, and gives the edges among them: those of which either end has the
 * other in its list of the `listLength` most similar, ties to the smaller row. A pair may come several times.
 *
 * What memory does not hold goes into pieces, sorted files. Selecting by the rule and merging may be done in any order:
 * the best of a union are the best of the best of its parts (EXACTNESS.md of @facekit/index-faiss).
 */
export class EdgeCollector {
  readonly #options: CollectorOptions
  readonly #capacity: number
  readonly #pairs = new PairColumns()
  /** rows × uint32: to count with, and in the end the last neighbor of each list that is full. */
  readonly #counts: Uint32Array
  readonly #selects: boolean
  #pieces: Piece[]
  #replaced: Piece[] = []
  #nextNumber: number
  #hasMadeFolder = false

  constructor(options: CollectorOptions) {
    const { rows, listLength, memoryBytes, pieces = [] } = options
    this.#options = options
    this.#selects = listLength < rows - 1
    this.#counts = new Uint32Array(this.#selects ? rows : 0)
    // Twice: arrays double as they fill.
    const fitting = Math.floor((memoryBytes * (1 - LIST_SHARE)) / (2 * PAIR_BYTES))
    this.#capacity = Math.max(1, Math.min(MOST_PAIRS, fitting))
    this.#pieces = [...pieces]
    this.#nextNumber = 1 + Math.max(-1, ...pieces.map(({ name }) => Number(PIECE.exec(name)?.[1])))
  }

  /** Adds pairs; where memory is full, some are dropped that are in no list, or all go into a piece. */
  async add(pairs: EdgeBatch): Promise<void> {
    this.#pairs.addAll(pairs)
    if (this.#pairs.count < this.#capacity) return
    const order = await this.#prune()
    if (this.#pairs.count > this.#capacity / 2) await this.#writePiece(order)
  }

  /**
   * Raises cutoffs by the pieces of an earlier collector, which knew more than this one.
   */
  async raiseCutoffs(): Promise<void> {
    if (this.#selects && this.#pieces.length > 0)
      await this.#raiseBy(() => readPieces(this.#options.folder, this.#pieces))
  }

  /** Brings all pairs into pieces. @returns these; they stay until `removeReplaced` after the next call. */
  async settle(): Promise<readonly Piece[]> {
    if (this.#pairs.count > 0) await this.#writePiece(await this.#prune())
    return [...this.#pieces]
  }

  /** Removes pieces in whose place others have come. */
  async removeReplaced(): Promise<void> {
    for (const { name } of this.#replaced.splice(0))
      await rm(join(this.#options.folder, name), { force: true })
  }

  /** The edges, ascending by (source, target), some at a time. Nothing may be added any more. */
  async *edges(): AsyncGenerator<EdgeBatch> {
    const { listLength, cutoffs, rows, folder } = this.#options
    const sorted = await this.#allSorted(folder)
    const ends = { similarity: cutoffs, neighbor: this.#counts }
    // No search looks at the cutoffs any more.
    yield* selectEdges(sorted, { rows, listLength, ends, memoryBytes: this.#listBytes })
  }

  /**
   * Gives back the memory, and removes the files.
   *
   * @param keepPieces leaves them to whoever goes on
   */
  async close(keepPieces: boolean): Promise<void> {
    this.#pairs.take()
    this.#pairs.shrink()
    if (keepPieces || this.#pieces.length + this.#replaced.length === 0) return
    this.#replaced.push(...this.#pieces.splice(0))
    await this.removeReplaced()
    if (this.#hasMadeFolder) await rmdir(this.#options.folder)
  }

  get #listBytes(): number {
    return this.#options.memoryBytes * LIST_SHARE
  }

  async #allSorted(folder: string): Promise<SortedPairs> {
    if (this.#pieces.length > 0) {
      await this.settle()
      // No more files are open at once than when they are merged.
      while (this.#pieces.length > MERGED_PIECES) {
        const smallest = this.#pieces.toSorted((a, b) => a.pairs - b.pairs).slice(0, MERGED_PIECES)
        await this.#merge(smallest, Math.max(...smallest.map(({ level }) => level)))
      }
      const pieces = this.#pieces
      return () => readPieces(folder, pieces)
    }
    const order = orderOfPairs(this.#pairs)
    return () => inOrder(this.#pairs, order)
  }

  /** Drops pairs that are in no list. @returns the order of the others */
  async #prune(): Promise<Uint32Array> {
    const order = orderOfPairs(this.#pairs)
    if (!this.#selects) return order
    await this.#raiseBy(() => inOrder(this.#pairs, order))
    const { cutoffs } = this.#options
    const { count, source, target, similarity } = this.#pairs
    this.#pairs.keep((at) => isAbove(cutoffs, source[at]!, target[at]!, similarity[at]!))
    return this.#pairs.count === count ? order : orderOfPairs(this.#pairs)
  }

  async #raiseBy(pairs: SortedPairs): Promise<void> {
    const { rows, listLength, cutoffs } = this.#options
    const options = { rows, listLength, counts: this.#counts, memoryBytes: this.#listBytes }
    await findListEnds(pairs, options, (row, end) => {
      if (end > cutoffs[row]!) cutoffs[row] = end
    })
  }

  async #writePiece(order: Uint32Array): Promise<void> {
    await this.#write(0, () => inOrder(this.#pairs, order))
    this.#pairs.count = 0
    for (let level = 0; ; level++) {
      const same = this.#pieces.filter((piece) => piece.level === level)
      if (same.length < MERGED_PIECES) return
      await this.#merge(same, level + 1)
    }
  }

  async #merge(pieces: readonly Piece[], level: number): Promise<void> {
    const { folder, cutoffs } = this.#options
    const sorted = () => readPieces(folder, pieces)
    if (this.#selects) await this.#raiseBy(sorted)
    await this.#write(level, async function* () {
      for await (const batch of sorted()) {
        const kept = keptPairs(batch, (a, b, cosine) => isAbove(cutoffs, a, b, cosine))
        if (kept.source.length > 0) yield kept
      }
    })
    this.#pieces = this.#pieces.filter((piece) => !pieces.includes(piece))
    this.#replaced.push(...pieces)
  }

  async #write(level: number, pairs: SortedPairs): Promise<void> {
    await this.#makeFolder()
    const name = `piece-${this.#nextNumber++}.parquet`
    const path = join(this.#options.folder, name)
    let writer: EdgeFileWriter | undefined
    try {
      writer = await EdgeFileWriter.create(path)
      let first: Piece['first'] | undefined
      for await (const batch of pairs()) {
        first ??= { source: batch.source[0]!, target: batch.target[0]! }
        await writer.append(batch)
      }
      const count = writer.edges
      const file = await writer.finish()
      if (first) this.#pieces.push({ name, pairs: count, first, level, file })
      else await rm(path)
    } catch (error) {
      await writer?.close()
      await rm(path, { force: true })
      throw error
    }
  }

  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#options.folder)
      this.#hasMadeFolder = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Whether a pair may be in the list of either end, as far as is known. */
function isAbove(cutoffs: Float32Array, source: number, target: number, similarity: number): boolean {
  return similarity >= cutoffs[source]! || similarity >= cutoffs[target]!
}

function readPieces(folder: string, pieces: readonly Piece[]): AsyncIterable<EdgeBatch> {
  return mergePairs(
    pieces.map(({ name, first }): PairSource => ({ first, read: () => readEdgeFile(join(folder, name)) })),
  )
}

/**
 * Reads what a run recorded of its pieces.
 *
 * @param recorded of a run that did not finish, as `settle` gave it
 * @returns undefined where it is none of that
 */
export function parsePieces(recorded: unknown): Piece[] | undefined {
  return Array.isArray(recorded) && recorded.every(isPiece) ? recorded : undefined
}

/**
 * Checks that the files of pieces are as they were.
 *
 * @throws FacekitError `RUN_DAMAGED`
 */
export async function checkPieces(folder: string, pieces: readonly Piece[]): Promise<void> {
  for (const { name, file } of pieces) await checkMark(join(folder, name), file)
}

function isPiece(value: unknown): value is Piece {
  if (typeof value !== 'object' || value === null) return false
  const { name, pairs, first, level, file } = value as Partial<Record<keyof Piece, unknown>>
  return (
    typeof name === 'string' &&
    PIECE.test(name) &&
    Number.isSafeInteger(pairs) &&
    Number.isSafeInteger(level) &&
    isPair(first) &&
    isFileMark(file)
  )
}

function isPair(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { source, target } = value as Partial<Record<keyof Piece['first'], unknown>>
  return Number.isSafeInteger(source) && Number.isSafeInteger(target)
}
