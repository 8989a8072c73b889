import { setTimeout as sleep } from 'node:timers/promises'
import { rounds, seededRandom } from '@facekit/testing'
import { expect, it } from 'vitest'
import { Limiter } from '../src/limiter.js'

it('runs no more at once than its capacity, in order, also when tasks fail', async () => {
  const random = seededRandom(3)
  for (let round = 0; round < rounds(3, 200); round++) {
    const limiter = new Limiter(10)
    const started: number[] = []
    let running = 0
    let most = 0
    await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => {
        const weight = 1 + Math.floor(random() * 10)
        return limiter.run(weight, async () => {
          started.push(i)
          most = Math.max(most, (running += weight))
          await sleep(random() * 3)
          running -= weight
          if (i % 4 === 0) throw new Error('some fail')
        })
      }),
    )
    expect(most).toBeLessThanOrEqual(10)
    expect(started).toEqual(Array.from({ length: 40 }, (_, i) => i))
  }
})

it('runs what outweighs it alone, and lets nothing overtake it', async () => {
  const limiter = new Limiter(4)
  const running = new Set<string>()
  const seen: string[] = []
  const task = (name: string, weight: number) =>
    limiter.run(weight, async () => {
      running.add(name)
      seen.push([...running].join(' '))
      await sleep(2)
      running.delete(name)
    })
  await Promise.all([task('a', 1), task('b', 1), task('heavy', 9), task('c', 1), task('d', 1)])
  expect(seen).toEqual(['a', 'a b', 'heavy', 'c', 'c d'])
})
