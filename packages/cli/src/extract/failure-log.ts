import { open, type FileHandle } from 'node:fs/promises'
import { PendingFiles, type FailedImage } from '@facekit/core'

const NAME = 'failed.ndjson'

/** One line of JSON per image that could not be decoded. The file appears, complete, at `commit`. */
export class FailureLog {
  readonly #pending: PendingFiles
  readonly #file: FileHandle

  private constructor(pending: PendingFiles, file: FileHandle) {
    this.#pending = pending
    this.#file = file
  }

  static async in(folder: string): Promise<FailureLog> {
    const pending = await PendingFiles.in(folder)
    return new FailureLog(pending, await open(pending.path(NAME), 'w'))
  }

  async add(failed: readonly FailedImage[]): Promise<void> {
    if (failed.length === 0) return
    await this.#file.write(failed.map((failure) => `${JSON.stringify(failure)}\n`).join(''))
  }

  /** @returns the file's name */
  async commit(): Promise<string> {
    await this.#file.close()
    await this.#pending.commit()
    return NAME
  }

  async discard(): Promise<void> {
    await this.#file.close()
    await this.#pending.discard()
  }
}
