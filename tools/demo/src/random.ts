/** A seeded source of numbers: the same key gives the same sequence on every machine. */
export interface Random {
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** Uniform over the integers low … high, both included. */
  integer(low: number, high: number): number
  /** Bell-shaped around `mean`; never further than three deviations away. */
  around(mean: number, deviation: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly [T, ...T[]]): T
}

/**
 * Keys instead of one running sequence (`createRandom(seed, identity, picture)`): a picture's
 * numbers then do not depend on what else is drawn, so pictures can be drawn in any order.
 */
export function createRandom(...key: readonly number[]): Random {
  const next = mulberry32(hash(key))

  const random: Random = {
    between: (low, high) => low + (high - low) * next(),
    integer: (low, high) => low + Math.floor((high - low + 1) * next()),
    around(mean, deviation) {
      // Irwin–Hall: three uniforms on [-1, 1) have variance 1 and a bounded sum.
      return mean + deviation * (2 * (next() + next() + next()) - 3)
    },
    chance: (probability) => next() < probability,
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
  }

  return random
}

function hash(key: readonly number[]): number {
  let state = 0x9e3779b9

  for (const part of key) {
    state = Math.imul(state ^ part, 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state ^= state >>> 16
  }

  return state
}

function mulberry32(seed: number): () => number {
  let state = seed

  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)

    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
