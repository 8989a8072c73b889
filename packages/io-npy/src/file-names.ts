import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { NpyError } from './errors.js'
import { npzFix } from './other-layouts.js'

export type Part = 'fpaths' | 'indices' | 'embs' | 'embs_norm'

export interface Member {
  name: string
  part: Part
  /** Number of the shard; `undefined` for the merged set, `final_…`. */
  number: number | undefined
}

const MERGED = /^final_(fpaths|indices|embs_norm|embs)\.npy$/
const NUMBERED = /^(fpaths|indices|embs_norm|embs)_([0-9]+)\.npy$/

export function memberName(part: Part, number: number | undefined): string {
  return number === undefined ? `final_${part}.npy` : `${part}_${number}.npy`
}

export function embeddingsPart(normalized: boolean): Part {
  return normalized ? 'embs_norm' : 'embs'
}

/** @throws NpyError `FILE_SET_FOLDER` */
export async function listMembers(folder: string): Promise<Member[]> {
  let entries: Dirent[]
  try {
    entries = await readdir(folder, { withFileTypes: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? 'no such folder' : code === 'ENOTDIR' ? whyNoFolder(folder) : message
    throw new NpyError('FILE_SET_FOLDER', folder, what, { cause: error })
  }
  return entries.flatMap((entry) => (entry.isDirectory() ? [] : (parseMember(entry.name) ?? [])))
}

function whyNoFolder(file: string): string {
  const what = 'is a file, expected the folder of a file set'
  return file.endsWith('.npz') ? `${what}. ${npzFix(file)}` : what
}

export function parseMember(name: string): Member | undefined {
  const [, part, digits] = MERGED.exec(name) ?? NUMBERED.exec(name) ?? []
  if (part === undefined) return undefined
  return { name, part: part as Part, number: digits === undefined ? undefined : Number(digits) }
}
