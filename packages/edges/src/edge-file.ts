import { open } from 'node:fs/promises'
import { MarkedFile, type EdgeBatch, type FileMark } from '@facekit/core'
import { parquetMetadataAsync, parquetRead, type AsyncBuffer, type SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { BLOCK_EDGES } from './blocks.js'
import { EdgeError } from './errors.js'
import { firstOf } from './sort-pairs.js'

// Rows are below 2³¹. Sorted numbers are stored as their differences: half of the bytes.
const COLUMNS = [
  { name: 'source', type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
  { name: 'target', type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
  { name: 'similarity', type: 'FLOAT', encoding: 'PLAIN' },
] as const

const SCHEMA: SchemaElement[] = [
  { name: 'edges', num_children: COLUMNS.length },
  ...COLUMNS.map(({ name, type }) => ({ name, type, repetition_type: 'REQUIRED' }) as const),
]

/** Beyond any column of a row group: each is one page. */
const PAGE_BYTES = 16 * BLOCK_EDGES

/**
 * Writes a Parquet file of edges: `source` and `target`, int32, `similarity`, float32. Its bytes depend on the edges
 * alone, and not on how they come.
 */
export class EdgeFileWriter {
  readonly #file: MarkedFile
  readonly #bytes = new ByteWriter()
  readonly #parquet: ParquetWriter
  readonly #block: EdgeBatch = {
    source: new Uint32Array(BLOCK_EDGES),
    target: new Uint32Array(BLOCK_EDGES),
    similarity: new Float32Array(BLOCK_EDGES),
  }
  #filled = 0
  #edges = 0

  private constructor(file: MarkedFile) {
    this.#file = file
    this.#parquet = new ParquetWriter({
      writer: this.#bytes,
      schema: SCHEMA,
      codec: 'UNCOMPRESSED',
      createdBy: 'facekit',
    })
  }

  /** Creates the file, or empties it. */
  static async create(path: string): Promise<EdgeFileWriter> {
    return new EdgeFileWriter(await MarkedFile.create(path))
  }

  /** Edges so far. */
  get edges(): number {
    return this.#edges + this.#filled
  }

  async append({ source, target, similarity }: EdgeBatch): Promise<void> {
    for (let at = 0; at < source.length;) {
      const end = Math.min(source.length, at + BLOCK_EDGES - this.#filled)
      this.#block.source.set(source.subarray(at, end), this.#filled)
      this.#block.target.set(target.subarray(at, end), this.#filled)
      this.#block.similarity.set(similarity.subarray(at, end), this.#filled)
      this.#filled += end - at
      at = end
      if (this.#filled === BLOCK_EDGES) await this.#writeBlock()
    }
  }

  /** Completes the file and brings it onto the disk. */
  async finish(): Promise<FileMark> {
    if (this.#filled > 0) await this.#writeBlock()
    await this.#parquet.finish()
    await this.#flush()
    const mark = await this.#file.mark()
    await this.close()
    return mark
  }

  /** Closes the file as it is. May be called again. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  async #writeBlock(): Promise<void> {
    const block = firstOf(this.#block, this.#filled)
    await this.#parquet.write({
      columnData: COLUMNS.map(({ name, encoding }) => {
        const column = block[name]
        return {
          name,
          data: column instanceof Uint32Array ? new Int32Array(column.buffer, 0, column.length) : column,
          encoding,
          statistics: false,
          offsetIndex: false,
        }
      }),
      rowGroupSize: BLOCK_EDGES,
      pageSize: PAGE_BYTES,
    })
    this.#edges += this.#filled
    this.#filled = 0
    await this.#flush()
  }

  async #flush(): Promise<void> {
    await this.#file.append(this.#bytes.getBytes())
    this.#bytes.index = 0
  }
}

/**
 * The edges of a file that `EdgeFileWriter` wrote, a row group at a time.
 *
 * @param check called with the open file, before it is read and afterwards
 * @throws EdgeError `EDGES_CHANGED` for a file that cannot be read as one
 */
export async function* readEdgeFile(
  path: string,
  check: (stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }) => void = () => {},
): AsyncGenerator<EdgeBatch> {
  const handle = await open(path, 'r').catch((cause: Error) => {
    throw unreadable(path, cause)
  })
  try {
    const stats = await handle.stat({ bigint: true })
    check(stats)
    const file: AsyncBuffer = {
      byteLength: Number(stats.size),
      async slice(start, end = Number(stats.size)) {
        const bytes = new Uint8Array(end - start)
        for (let at = 0; at < bytes.length;) {
          const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at)
          if (bytesRead === 0) throw new Error(`it ends at byte ${start + at}`)
          at += bytesRead
        }
        return bytes.buffer
      },
    }
    try {
      yield* rowGroups(file)
    } catch (cause) {
      throw unreadable(path, cause as Error)
    }
    check(await handle.stat({ bigint: true }))
  } finally {
    await handle.close()
  }
}

async function* rowGroups(file: AsyncBuffer): AsyncGenerator<EdgeBatch> {
  const metadata = await parquetMetadataAsync(file)
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows)
    const columns = new Map<string, unknown>()
    await parquetRead({
      file,
      // As a file of this group alone: the reader goes through all groups that it knows of.
      metadata: { ...metadata, row_groups: [group], num_rows: group.num_rows },
      rowStart: 0,
      rowEnd: rows,
      columns: COLUMNS.map(({ name }) => name),
      onChunk: ({ columnName, columnData }) => columns.set(columnName, columnData),
    })
    yield {
      source: rowsOf(columns.get('source'), rows),
      target: rowsOf(columns.get('target'), rows),
      similarity: similaritiesOf(columns.get('similarity'), rows),
    }
  }
}

function rowsOf(column: unknown, length: number): Uint32Array {
  if (!(column instanceof Int32Array) || column.length !== length) throw new Error('it holds no int32 rows')
  return new Uint32Array(column.buffer, column.byteOffset, column.length)
}

function similaritiesOf(column: unknown, length: number): Float32Array {
  if (!(column instanceof Float32Array) || column.length !== length)
    throw new Error('it holds no float32 similarities')
  return column
}

function unreadable(path: string, cause: Error): EdgeError {
  return new EdgeError(
    'EDGES_CHANGED',
    `Expected a Parquet file of edges at ${path} but it cannot be read: ${cause.message}. Make it again by facekit search.`,
    { cause },
  )
}
