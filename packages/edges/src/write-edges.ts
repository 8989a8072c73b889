import { writeFile } from 'node:fs/promises'
import {
  PendingFiles,
  receiptName,
  WriterStream,
  type BatchWriter,
  type Committed,
  type EdgeBatch,
  type Part,
  type SinkOf,
} from '@facekit/core'
import { EdgeFileWriter } from './edge-file.js'
import { formatEdgeReceipt, nameOfPartEdges } from './edge-parts.js'
import { formatManifest, MANIFEST_NAME, nameOfEdges, type EdgeFile, type EdgesInfo } from './edge-set.js'
import { EdgeError } from './errors.js'

/** Edges of a file: some 120 MB, so that many can be read side by side. */
const FILE_EDGES = 2 ** 24

/** Where edges go, and what they are of. */
export interface WriteEdgesOptions extends EdgesInfo {
  /** Folder for the files, created where it is missing; or files on their way there. */
  output: string | PendingFiles
  /** Which part of the edges they are, and how many pairs were searched for it. */
  part?: Part & { pairs: number }
}

/** What `writeEdges` wrote. */
export interface EdgesResult extends Committed {
  edges: number
  /** Names of the files in the output folder. */
  files: string[]
}

/**
 * Writes edges, ascending by (source, target), as `edges_{i}.parquet` with `edges.json`, which says what they are. They
 * appear together, when the stream finishes, in place of earlier ones. The same edges make the same bytes. A part of them is
 * one file, `part_{number}_of_{of}.parquet`, with its receipt; `joinEdgeParts` makes edges of all parts.
 *
 * @throws EdgeError `EDGES_ORDER` for edges that are no edges, or not in their order; FacekitError what
 * `PendingFiles.in` throws
 */
export function writeEdges(options: WriteEdgesOptions): EdgeWriter {
  return new EdgeStream(new EdgeFiles(options))
}

/** Takes `EdgeBatch`es. */
export interface EdgeWriter extends SinkOf<EdgeBatch> {
  /** Whether the files are in their places: also where the stream was destroyed while they were moved there. */
  readonly isCommitted: boolean
  /** What was written; there once the stream has finished. */
  readonly result: EdgesResult
}

class EdgeStream extends WriterStream<EdgeBatch> {
  readonly #files: EdgeFiles

  constructor(files: EdgeFiles) {
    super(files)
    this.#files = files
  }

  get isCommitted(): boolean {
    return this.#files.result !== undefined
  }

  get result(): EdgesResult {
    const { result } = this.#files
    if (!result) throw new Error('EdgeWriter.result is there only after the stream has finished')
    return result
  }
}

class EdgeFiles implements BatchWriter<EdgeBatch> {
  readonly #options: WriteEdgesOptions
  readonly #floor: number
  readonly #files: EdgeFile[] = []
  #pending: PendingFiles | undefined
  #open: EdgeFileWriter | undefined
  #last = { source: -1, target: -1 }
  result: EdgesResult | undefined

  constructor(options: WriteEdgesOptions) {
    this.#options = options
    this.#floor = Math.fround(options.floor)
  }

  async open(): Promise<void> {
    const { output, part } = this.#options
    this.#pending = typeof output === 'string' ? await PendingFiles.in(output, 'edges', { part }) : output
  }

  async write(batch: EdgeBatch): Promise<void> {
    this.#check(batch)
    const { source, target, similarity } = batch
    for (let at = 0; at < source.length;) {
      this.#open ??= await EdgeFileWriter.create(this.#pending!.path(this.#nextName))
      const end = Math.min(source.length, at + this.#mostEdges - this.#open.edges)
      await this.#open.append({
        source: source.subarray(at, end),
        target: target.subarray(at, end),
        similarity: similarity.subarray(at, end),
      })
      at = end
      if (this.#open.edges === this.#mostEdges) await this.#finishFile()
    }
  }

  async finish(): Promise<void> {
    await this.#finishFile()
    const pending = this.#pending!
    const { part } = this.#options
    const edges = this.#files.reduce((sum, file) => sum + file.edges, 0)
    const description = part ? receiptName(part) : MANIFEST_NAME
    const text = part ? this.#formatReceipt(part, edges) : formatManifest(this.#options, this.#files)
    await writeFile(pending.path(description), text)
    const committed = await pending.commit()
    this.result = { edges, files: [...this.#files.map(({ name }) => name), description], ...committed }
  }

  async discard(): Promise<void> {
    await this.#open?.close()
    await this.#pending?.discard()
  }

  get #nextName(): string {
    const { part } = this.#options
    return part ? nameOfPartEdges(part) : nameOfEdges(this.#files.length)
  }

  get #mostEdges(): number {
    return this.#options.part ? Infinity : FILE_EDGES
  }

  #formatReceipt(part: Part & { pairs: number }, edges: number): string {
    const files = this.#files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }))
    const { number, of, pairs } = part
    return formatEdgeReceipt({ number, of }, this.#options, { pairs, edges }, this.#pending!.seconds, files)
  }

  async #finishFile(): Promise<void> {
    if (!this.#open) return
    const { edges } = this.#open
    const mark = await this.#open.finish()
    this.#files.push({ name: this.#nextName, edges, bytes: mark.bytes, sha256: mark.sha256 })
    this.#open = undefined
  }

  #check({ source, target, similarity }: EdgeBatch): void {
    const { rows } = this.#options
    const floor = this.#floor
    let { source: lastSource, target: lastTarget } = this.#last
    for (let i = 0; i < source.length; i++) {
      const a = source[i]!
      const b = target[i]!
      const isNext = a > lastSource || (a === lastSource && b > lastTarget)
      if (!isNext || a >= b || b >= rows || !(similarity[i]! >= floor)) {
        throw new EdgeError(
          'EDGES_ORDER',
          `Expected edges between ${rows} rows, source < target, ascending, of similarity ${floor} or more, but got ${a}–${b}, similarity ${similarity[i]}, after ${lastSource}–${lastTarget}`,
        )
      }
      lastSource = a
      lastTarget = b
    }
    this.#last = { source: lastSource, target: lastTarget }
  }
}
