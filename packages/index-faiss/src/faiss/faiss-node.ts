/** What is used of faiss-node. Its own types are not there where the optional package is not. */
export interface FlatIndex {
  add(embeddings: number[]): void
  search(queries: number[], neighbors: number): { distances: number[]; labels: number[] }
}

interface FaissNode {
  IndexFlatIP: new (dim: number) => FlatIndex
}

/** @throws where faiss-node is not installed, or was installed without its binary */
export async function loadFaiss(): Promise<FaissNode> {
  const name: string = 'faiss-node'
  const module = (await import(name)) as { default: FaissNode }
  return module.default
}
