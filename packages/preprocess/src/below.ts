import { isAbsolute } from 'node:path'

/**
 * A path as it is meant from a folder. Neither `join` nor `resolve`: they take `link/..` for the folder of the link,
 * where the system goes to the one above what it leads to.
 */
export function below(folder: string, path: string): string {
  if (isAbsolute(path)) return path
  return folder.endsWith('/') ? `${folder}${path}` : `${folder}/${path}`
}
