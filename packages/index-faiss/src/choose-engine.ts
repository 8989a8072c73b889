import { messageOf, SearchError } from './errors.js'
import { loadFaiss } from './faiss/faiss-node.js'

/** What may be asked for; all find the same edges. */
export const ENGINES = ['auto', 'screened', 'tiles', 'faiss'] as const

/** What searches: 8-bit codes checked in float32, tiles of float32, or FAISS. */
export type Engine = Exclude<(typeof ENGINES)[number], 'auto'>

/**
 * `auto` takes the screened engine, which is the fastest.
 *
 * @returns the engine and one line that says what was taken
 * @throws SearchError `ENGINE` if FAISS is asked for and cannot be loaded
 */
export async function chooseEngine(
  wish: (typeof ENGINES)[number],
): Promise<{ engine: Engine; reason: string }> {
  if (wish === 'tiles') return { engine: 'tiles', reason: 'float32 tiles, as asked' }
  if (wish !== 'faiss')
    return { engine: 'screened', reason: 'exact, int8 tiles checked in float32 (ONNX Runtime)' }
  try {
    await loadFaiss()
    return { engine: 'faiss', reason: 'FAISS IndexFlatIP, as asked' }
  } catch (cause) {
    throw new SearchError(
      'ENGINE',
      `Expected faiss-node to be installed for the engine faiss but it does not load (${firstLine(cause)}). Install faiss-node with its binary (in a clone of facekit: node tools/build-faiss-node.mjs), or leave --engine out: the result is the same.`,
      { cause },
    )
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0]!
}
