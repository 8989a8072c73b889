/** What a command writes into its output folder, by the names that it gives. Nothing else is ever replaced or removed. */
interface Names {
  files: RegExp
  /** Folders right in the output. */
  folders: RegExp
  /** What is in these. */
  filesInFolders: RegExp
}

const NONE = /^\b$/

export const OUTPUT_KINDS = {
  /** The images of an input, written down for runs that embed parts of them. */
  list: {
    files: /^list\.(?:json|ndjson)$/,
    folders: NONE,
    filesInFolders: NONE,
  },
  embeddings: {
    files:
      /^(?:final_(?:fpaths|indices|embs|embs_norm)\.npy|(?:fpaths|indices|embs|embs_norm)_\d+\.npy|failed\.ndjson|run\.json|part_\d+_of_\d+\.(?:json|failed\.ndjson))$/,
    folders: NONE,
    filesInFolders: NONE,
  },
  edges: {
    files: /^(?:edges\.json|edges_\d+\.parquet|part_\d+_of_\d+\.(?:json|parquet))$/,
    folders: NONE,
    filesInFolders: NONE,
  },
  labels: {
    files:
      /^(?:fr_train_\d+K?_class_\d+K?_data_(?:classes|data_list)\.npy|clustering_result\.txt|assignments\.parquet|changes\.csv|duplicates\.csv|run\.json)$/,
    folders: /^group_\d{4,}$/,
    filesInFolders: /^[^/]+\.jpg$/,
  },
  report: { files: /^report\.html$/, folders: NONE, filesInFolders: NONE },
} as const satisfies Record<string, Names>

/** What a run makes: each kind has names of its own, so that several may share a folder. */
export type OutputKind = keyof typeof OUTPUT_KINDS

/** Whether a file right in the output may be of this kind, or one in a folder there: `group_0000/a.jpg`. */
export function isFileOf(kind: OutputKind, path: string): boolean {
  const { files, filesInFolders } = OUTPUT_KINDS[kind]
  const slash = path.indexOf('/')
  return slash < 0
    ? files.test(path)
    : isFolderOf(kind, path.slice(0, slash)) && filesInFolders.test(path.slice(slash + 1))
}

export function isFolderOf(kind: OutputKind, name: string): boolean {
  return OUTPUT_KINDS[kind].folders.test(name)
}

/** Whether something right in the output may be of this kind. */
export function isNameOf(kind: OutputKind, name: string): boolean {
  return !name.includes('/') && (isFileOf(kind, name) || isFolderOf(kind, name))
}

export function isOutputKind(name: string): name is OutputKind {
  return Object.hasOwn(OUTPUT_KINDS, name)
}
