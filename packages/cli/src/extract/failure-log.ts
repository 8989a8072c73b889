import { createReadStream } from 'node:fs'
import {
  MarkedFile,
  nameOfPart,
  type FailedImage,
  type FileMark,
  type Part,
  type PendingFiles,
} from '@facekit/core'

export const FAILURES_NAME = 'failed.ndjson'

/** Of a part of a set. */
export function failuresNameOf(part: Part | undefined): string {
  return part ? `${nameOfPart(part)}.${FAILURES_NAME}` : FAILURES_NAME
}

/** One line of JSON per image that has no embedding; a file among others on their way into the output. */
export class FailureLog {
  readonly #file: MarkedFile

  private constructor(file: MarkedFile) {
    this.#file = file
  }

  /** @param earlier a log whose lines come first */
  static async create(pending: PendingFiles, name = FAILURES_NAME, earlier?: string): Promise<FailureLog> {
    const file = await MarkedFile.create(pending.path(name))
    if (earlier !== undefined)
      for await (const chunk of createReadStream(earlier)) await file.append(chunk as Uint8Array)
    return new FailureLog(file)
  }

  /** @throws FacekitError `RUN_DAMAGED` if the file does not hold what was marked */
  static async reopen(pending: PendingFiles, name: string, mark: FileMark): Promise<FailureLog> {
    return new FailureLog(await MarkedFile.reopen(pending.path(name), mark))
  }

  async add(failed: readonly FailedImage[]): Promise<void> {
    if (failed.length === 0) return
    await this.#file.append(Buffer.from(failed.map((failure) => `${JSON.stringify(failure)}\n`).join('')))
  }

  /** Where `reopen` goes on. All that was added is on the disk then. */
  async mark(): Promise<FileMark> {
    return this.#file.mark()
  }

  /** May be called again. */
  async close(): Promise<void> {
    await this.#file.close()
  }
}
