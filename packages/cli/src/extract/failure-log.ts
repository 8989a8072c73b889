import { open, type FileHandle } from 'node:fs/promises'
import type { FailedImage, PendingFiles } from '@facekit/core'

const NAME = 'failed.ndjson'

/** One line of JSON per image that could not be decoded; a file among others on their way into the output. */
export class FailureLog {
  readonly name = NAME
  readonly #file: FileHandle

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async in(pending: PendingFiles): Promise<FailureLog> {
    return new FailureLog(await open(pending.path(NAME), 'w'))
  }

  async add(failed: readonly FailedImage[]): Promise<void> {
    if (failed.length === 0) return
    await this.#file.appendFile(failed.map((failure) => `${JSON.stringify(failure)}\n`).join(''))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
