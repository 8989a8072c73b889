import { fromRandomAccessReaderPromise } from 'yauzl'
import { IresnetError } from '../errors.js'
import type { InputFile } from './input-file.js'
import { WindowReader } from './window-reader.js'
import { ZipEntry } from './zip-entry.js'

/** The entries of a zip file, read where they are wanted. */
export class ZipArchive {
  readonly #entries: ReadonlyMap<string, ZipEntry>

  private constructor(entries: ReadonlyMap<string, ZipEntry>) {
    this.#entries = entries
  }

  /** @throws IresnetError `TORCH_FILE` for a damaged zip file */
  static async open(file: InputFile): Promise<ZipArchive> {
    try {
      const zip = await fromRandomAccessReaderPromise(new WindowReader(file), file.size, { autoClose: false })
      const entries = new Map<string, ZipEntry>()
      for await (const entry of zip.eachEntry()) {
        if (entries.has(entry.fileName)) throw new Error(`it has two entries ${entry.fileName}`)
        entries.set(entry.fileName, new ZipEntry(file, zip, entry))
      }
      return new ZipArchive(entries)
    } catch (error) {
      if (error instanceof IresnetError) throw error
      throw file.damaged(`is a damaged zip file, or was cut short: ${(error as Error).message}`, error)
    }
  }

  get names(): Iterable<string> {
    return this.#entries.keys()
  }

  get(name: string): ZipEntry | undefined {
    return this.#entries.get(name)
  }
}
