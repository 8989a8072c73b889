import { readdir } from 'node:fs/promises'
import { NpyError } from './errors.js'
import type { Member } from './file-names.js'

const EXPECTED =
  'expected final_fpaths.npy with final_embs.npy or final_embs_norm.npy, ' +
  'or fpaths_{i}.npy with embs_{i}.npy or embs_norm_{i}.npy'

/** Two arrays whose names leave no doubt. */
const PAIR: readonly Member[] = [
  { name: 'paths.npy', part: 'fpaths', number: undefined },
  { name: 'embeddings.npy', part: 'embs', number: undefined },
]

/** What clip-retrieval writes, by itself or in its folder. */
const CLIP_RETRIEVAL = /^img_emb(_[0-9]+\.npy)?$/

/**
 * What a folder holds in which no name is one of ours.
 *
 * @throws NpyError `FILE_SET_EMPTY`, with the lines of Python that make a set of what is there
 */
export async function otherMembers(folder: string): Promise<readonly Member[]> {
  const names = (await readdir(folder)).sort()
  if (PAIR.every(({ name }) => names.includes(name))) return PAIR
  throw new NpyError('FILE_SET_EMPTY', folder, `holds no embeddings; ${EXPECTED}. ${fixFor(names)}`)
}

function fixFor(names: readonly string[]): string {
  const clip = names.find((name) => CLIP_RETRIEVAL.test(name))
  if (clip !== undefined) return clipRetrievalFix(clip)
  const zipped = names.find((name) => name.endsWith('.npz'))
  if (zipped !== undefined) return npzFix(zipped)
  const arrays = names.filter((name) => name.endsWith('.npy'))
  return arrays.length > 0
    ? `It holds ${arrays.slice(0, 4).join(', ')}${arrays.length > 4 ? ', …' : ''}; fix: rename the paths to final_fpaths.npy and the embeddings to final_embs.npy`
    : `Fix: ${saveLines('np.array(paths, dtype=str)', 'np.asarray(embs, dtype=np.float32)')}`
}

function clipRetrievalFix(found: string): string {
  const [embs, metadata] =
    found === 'img_emb'
      ? ['img_emb/img_emb_0.npy', 'metadata/metadata_0.parquet']
      : [found, `metadata${/_[0-9]+/.exec(found)![0]}.parquet`]
  return (
    'It holds what clip-retrieval writes; fix, with pandas as pd and for each number: ' +
    saveLines(
      `pd.read_parquet("${metadata}")["image_path"].to_numpy(dtype=str)`,
      `np.load("${embs}")`,
      Number(/[0-9]+/.exec(embs)![0]),
    )
  )
}

/** @param file as the user would write it */
export function npzFix(file: string): string {
  return (
    'An .npz holds several arrays, np.load(file).files says which; fix: ' +
    saveLines(`np.load("${file}")["paths"]`, `np.load("${file}")["embeddings"]`)
  )
}

function saveLines(paths: string, embs: string, number?: number): string {
  const [fpaths, embeddings] =
    number === undefined
      ? ['final_fpaths.npy', 'final_embs.npy']
      : [`fpaths_${number}.npy`, `embs_${number}.npy`]
  return `np.save("${fpaths}", ${paths}); np.save("${embeddings}", ${embs})`
}
