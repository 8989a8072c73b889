import { SearchError } from './errors.js'
import { loadFaiss } from './faiss-node.js'

export const ENGINES = ['auto', 'faiss', 'tiles'] as const

export type Engine = Exclude<(typeof ENGINES)[number], 'auto'>

/**
 * `auto` takes FAISS where faiss-node is installed, else tiles.
 *
 * @returns the engine and one line that says what was taken and why
 * @throws SearchError `ENGINE` if FAISS is asked for and cannot be loaded
 */
export async function chooseEngine(
  wish: (typeof ENGINES)[number],
): Promise<{ engine: Engine; reason: string }> {
  if (wish === 'tiles') return { engine: 'tiles', reason: 'tiles of ONNX Runtime, as asked' }
  try {
    await loadFaiss()
    return {
      engine: 'faiss',
      reason: `FAISS IndexFlatIP, ${wish === 'auto' ? 'faiss-node is installed' : 'as asked'}`,
    }
  } catch (cause) {
    if (wish === 'auto')
      return { engine: 'tiles', reason: 'tiles of ONNX Runtime, faiss-node is not installed' }
    throw new SearchError(
      'ENGINE',
      `Expected faiss-node to be installed for the engine faiss but it does not load (${firstLine(cause)}). Run npm install faiss-node, or take the engine tiles, which gives the same result.`,
      { cause },
    )
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0]!
}
