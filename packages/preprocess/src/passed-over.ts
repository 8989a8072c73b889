/** Kinds that are told apart; names from elsewhere may be as many as files. */
const MAX_KINDS = 1000

/** How many there are of each kind. */
export class Counts {
  total = 0
  readonly #ofKind = new Map<string, number>()

  /** Counts one. A kind beyond the first `MAX_KINDS` counts in `total` alone. */
  add(kind: string): void {
    this.total++
    if (this.#ofKind.size < MAX_KINDS || this.#ofKind.has(kind))
      this.#ofKind.set(kind, (this.#ofKind.get(kind) ?? 0) + 1)
  }

  /** Most first; no more than `MAX_KINDS`, so that the sum may be less than `total`. */
  get kinds(): { kind: string; count: number }[] {
    return [...this.#ofKind]
      .map(([kind, count]) => ({ kind, count }))
      .sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1))
  }
}

/** What of an input is nobody's picture, as far as it was read. */
export interface PassedOver {
  /** Files in folders, by their extension in lower case. */
  files: Counts
  /** Folders in folders, by name: what is in them is not looked at. */
  folders: Counts
  /** Lines of a list: `comment` or `header`. */
  lines: Counts
}

/** What macOS writes beside each file of a disk that is not its own: `._face.jpg` is no picture. */
export const SYSTEM_FILES = '._*'

export function isSystemFile(name: string): boolean {
  return name.startsWith('._')
}

/** Where systems keep thumbnails and what was thrown away; hidden folders aside. */
const SYSTEM_FOLDERS: ReadonlySet<string> = new Set(['@eaDir', '#recycle', '$RECYCLE.BIN', '__MACOSX'])

/** Whether a folder holds nobody's pictures: copies for checkpoints and thumbnails, waste, what programs hide. */
export function isSystemFolder(name: string): boolean {
  return name.startsWith('.') || SYSTEM_FOLDERS.has(name)
}
