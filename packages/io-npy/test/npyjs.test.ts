import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { seededRandom } from '@facekit/testing'
import { dump, parse } from 'npyjs'
import { describe, expect, it } from 'vitest'
import { openNpy, shardEmbeddings, writeNpy, writeStrings } from '../src/index.js'
import { embeddingBatch, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()

/** What npyjs makes of a file: a reader that nobody here wrote, where there is no NumPy. */
function whole(file: string) {
  const { buffer, byteOffset, length } = readFileSync(file)
  return parse((buffer as ArrayBuffer).slice(byteOffset, byteOffset + length))
}

describe('npyjs', () => {
  it('reads what is written', async () => {
    const random = seededRandom(3)
    const rows = Float32Array.from({ length: 5 * 7 }, random)
    const file = inFolder('rows.npy')
    await pipeline([rows.subarray(0, 14), rows.subarray(14)], writeNpy(file, { rowLength: 7 }))
    expect(whole(file)).toEqual({ data: rows, shape: [5, 7], dtype: 'f4', fortranOrder: false })

    const names = ['group_0000', 'Ada', 'ł', '']
    await writeStrings(inFolder('names.npy'), names)
    expect(whole(inFolder('names.npy'))).toMatchObject({ data: names, shape: [4] })

    const batch = embeddingBatch(0, 9, 4)
    await pipeline(Readable.from([batch]), shardEmbeddings({ output: inFolder('set') }))
    const read = (name: string) => whole(join(inFolder('set'), `final_${name}.npy`))
    expect(read('embs')).toMatchObject({ data: batch.embeddings, shape: [9, 4] })
    expect(read('fpaths')).toMatchObject({ data: batch.paths, shape: [9] })
    expect([...(read('indices').data as BigInt64Array)].map(Number)).toEqual([...batch.indices])
  })

  it('writes what is read', async () => {
    const write = (name: string, ...array: Parameters<typeof dump>) => {
      writeFileSync(inFolder(name), Buffer.from(dump(...array)))
      return openNpy(inFolder(name))
    }
    const numbers = [0, 1, 200, 7, 8, 9]
    for (const array of [Uint8Array, Int32Array, Float32Array, Float64Array]) {
      const npy = await write('numbers.npy', array.from(numbers), [3, 2])
      expect(npy.shape).toEqual([3, 2])
      expect([...(await npy.readFloat32())]).toEqual(numbers)
      await npy.close()
    }
    const npy = await write('words.npy', ['a.jpg', 'bb.jpg', ''], [3])
    expect(await npy.readStrings()).toEqual(['a.jpg', 'bb.jpg', ''])
    await npy.close()
  })
})
