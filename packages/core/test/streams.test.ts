import { Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { batchSource, mapBatches, WriterStream } from '../src/index.js'
import type { SinkOf, SourceOf, StageOf } from '../src/index.js'

interface Names {
  names: string[]
}
interface Lengths {
  lengths: number[]
}

const NAMES: Names[] = [{ names: ['a', 'bc'] }, { names: ['def'] }]
const LENGTHS: Lengths[] = [{ lengths: [1, 2] }, { lengths: [3] }]

function source(): SourceOf<Names> {
  return batchSource(async function* () {
    yield* NAMES
  })
}

function stage(): StageOf<Names, Lengths> {
  return mapBatches({
    concurrency: 1,
    map: async ({ names }: Names) => ({ lengths: names.map(({ length }) => length) }),
  })
}

function sinkInto(found: Lengths[]): SinkOf<Lengths> {
  return new WriterStream<Lengths>({
    open: async () => {},
    write: async (batch) => void found.push(batch),
    finish: async () => {},
    discard: async () => {},
  })
}

describe('streams of batches', () => {
  it('give batches of their type where they are iterated or collected', async () => {
    const found: unknown[] = []
    for await (const batch of source()) {
      expectTypeOf(batch).toEqualTypeOf<Names>()
      // @ts-expect-error there is no such member
      expect(batch.paths).toBeUndefined()
      found.push(batch)
    }
    expect(found).toEqual(NAMES)

    const lengths: Lengths[] = []
    for await (const batch of source().pipe(stage())) {
      expectTypeOf(batch).toEqualTypeOf<Lengths>()
      lengths.push(batch)
    }
    expect(lengths).toEqual(LENGTHS)

    const all = await source().toArray()
    expectTypeOf(all).toEqualTypeOf<Names[]>()
    expect(all).toEqual(NAMES)

    const step = await source().iterator().next()
    if (!step.done) expectTypeOf(step.value).toEqualTypeOf<Names>()
    expect(step).toEqual({ done: false, value: NAMES[0] })
  })

  it('take batches of their type where they are written', async () => {
    const one = stage()
    one.write({ names: ['a', 'bc'] })
    const collected = one.end({ names: ['def'] }).toArray()
    expect(await collected).toEqual(LENGTHS)

    // Never called: it would write what no stage takes.
    const mistakes = (sink: SinkOf<Lengths>) => {
      // @ts-expect-error other batches
      sink.write({ names: [] })
      // @ts-expect-error other batches
      sink.end({ names: [] })
      // @ts-expect-error bytes
      sink.write('text')
      // @ts-expect-error bytes
      sink.end(Buffer.alloc(1))
    }
    expect(mistakes).toBeTypeOf('function')
  })

  it('are those of Node, to all that takes these', async () => {
    expectTypeOf<SourceOf<Names>>().toExtend<Readable & NodeJS.ReadableStream & AsyncIterable<Names>>()
    expectTypeOf<StageOf<Names, Lengths>>().toExtend<Duplex & NodeJS.ReadWriteStream>()
    expectTypeOf<SinkOf<Names>>().toExtend<Writable & NodeJS.WritableStream>()
    expectTypeOf<SourceOf<Names>>().not.toExtend<AsyncIterable<Lengths>>()
    expectTypeOf<StageOf<Names, Lengths>>().not.toExtend<SourceOf<Names>>()
    expectTypeOf<StageOf<Names, Lengths>>().not.toExtend<SinkOf<Lengths>>()

    const found: Lengths[] = []
    await pipeline(source(), stage(), sinkInto(found))
    await pipeline(source(), stage(), async (batches) => {
      for await (const batch of batches) {
        expectTypeOf(batch).toEqualTypeOf<Lengths>()
        found.push(batch)
      }
    })
    await pipeline(source().compose(stage()), sinkInto(found))
    expect(found).toEqual([...LENGTHS, ...LENGTHS, ...LENGTHS])
  })

  it('are what plain ones of Node may be called', () => {
    expectTypeOf<Readable>().toExtend<SourceOf<Names>>()
    expectTypeOf<Duplex>().toExtend<StageOf<Names, Lengths>>()
    expectTypeOf<Writable>().toExtend<SinkOf<Names>>()
  })
})
