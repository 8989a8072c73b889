import { MarkedFile, type FailedImage, type FileMark, type PendingFiles } from '@facekit/core'

export const FAILURES_NAME = 'failed.ndjson'

/** One line of JSON per image that has no embedding; a file among others on their way into the output. */
export class FailureLog {
  readonly #file: MarkedFile

  private constructor(file: MarkedFile) {
    this.#file = file
  }

  static async create(pending: PendingFiles): Promise<FailureLog> {
    return new FailureLog(await MarkedFile.create(pending.path(FAILURES_NAME)))
  }

  /** @throws FacekitError `RUN_DAMAGED` if the file does not hold what was marked */
  static async reopen(pending: PendingFiles, mark: FileMark): Promise<FailureLog> {
    return new FailureLog(await MarkedFile.reopen(pending.path(FAILURES_NAME), mark))
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
