import type { Embedder } from '@facekit/embedder'
import { BATCH_SIZE } from './compare.js'

/** Rounds go on for so long, so that those of small models, which are short, are many. */
const LEAST_MS = 500
const LEAST_ROUNDS = 3

/**
 * Images per second of two models: each in its fastest of several rounds, since whatever else the machine does only slows
 * rounds down. They take turns, so that it finds both alike.
 */
export async function imageRates(a: Embedder, b: Embedder, signal?: AbortSignal): Promise<[number, number]> {
  let [ofA, ofB] = [0, 0]
  // Sessions are slow at first.
  await round(a)
  signal?.throwIfAborted()
  await round(b)
  const startMs = performance.now()
  for (let rounds = 0; rounds < LEAST_ROUNDS || performance.now() - startMs < LEAST_MS; rounds++) {
    signal?.throwIfAborted()
    ofA = Math.max(ofA, await round(a))
    signal?.throwIfAborted()
    ofB = Math.max(ofB, await round(b))
  }
  return [ofA, ofB]
}

/** One batch for every session; blank pictures, since what is in them makes no difference. @returns images per second */
async function round({ width, height, sessions, run }: Embedder): Promise<number> {
  const blank = () => new Uint8Array(BATCH_SIZE * width * height * 3)
  const startMs = performance.now()
  await Promise.all(Array.from({ length: sessions }, async () => run(blank(), BATCH_SIZE)))
  return (sessions * BATCH_SIZE * 1000) / (performance.now() - startMs)
}
