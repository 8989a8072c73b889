import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import { runDiffers } from '@facekit/core'
import { imageList, type ListedBatch } from '@facekit/preprocess'
import { grouped } from '../progress.js'
import type { RunInput } from './run-identity.js'

/** A place in a list, at the end of a batch. */
export interface ListPosition {
  /** Images before it. */
  entries: number
  /** Stands for them and their order: of each batch, the SHA-256 of the chain before it and of its entries. */
  chain: string
}

export const START: ListPosition = { entries: 0, chain: '' }

/** The place at the end of a list, which is read: the chain of the run that embeds it in batches of the same size. */
export async function endOf(
  { input, listColumn }: RunInput,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<ListPosition> {
  let position = START
  for await (const batch of imageList(input, { batchSize, column: listColumn })) {
    signal?.throwIfAborted()
    position = after(position, batch)
  }
  return position
}

/**
 * Sees to it that a run that goes on is of the list that it began with: the batches before the place where it goes on
 * end here, and must be those that were embedded.
 */
export class ListChain {
  readonly #output: string
  readonly #resumed: ListPosition
  /** After each batch that was passed on and not taken yet: as many as are in flight. */
  readonly #ahead: ListPosition[] = []

  /** @param output for messages */
  constructor(output: string, resumed: ListPosition = START) {
    this.#output = output
    this.#resumed = resumed
  }

  /** Stage of `ListedBatch`, right after the list. It fails with FacekitError `RUN_DIFFERS`. */
  stage(): Transform {
    let position = START
    return new Transform({
      objectMode: true,
      highWaterMark: 1,
      transform: (batch: ListedBatch, _encoding, callback) => {
        const isDone = position.entries < this.#resumed.entries
        position = after(position, batch)
        if (!isDone) {
          this.#ahead.push(position)
          return callback(null, batch)
        }
        const { entries, chain } = this.#resumed
        if (position.entries < entries || (position.entries === entries && position.chain === chain))
          return callback()
        return callback(this.#differs(`is another one within its first ${grouped(entries)} images`))
      },
      flush: (callback) => {
        const { entries } = this.#resumed
        if (position.entries >= entries) return callback()
        return callback(
          this.#differs(`had at least ${grouped(entries)} images and has ${grouped(position.entries)}`),
        )
      },
    })
  }

  /** The place after the batch that comes to the end of the flow next: none is lost on the way, and each keeps its turn. */
  next(): ListPosition {
    const position = this.#ahead.shift()
    if (!position) throw new Error('ListChain.next was called for more batches than passed')
    return position
  }

  #differs(what: string) {
    return runDiffers(this.#output, `the list of images ${what}`)
  }
}

function after({ entries, chain }: ListPosition, { paths, failed }: ListedBatch): ListPosition {
  const names = JSON.stringify([chain, paths, failed.map(({ index, path }) => [index, path])])
  return {
    entries: entries + paths.length + failed.length,
    chain: createHash('sha256').update(names).digest('hex'),
  }
}
