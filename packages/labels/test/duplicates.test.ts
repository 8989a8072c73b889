import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  clusteringOf,
  embeddingsOf,
  indexOfRow,
  pathsFor,
  pathSource,
  plane,
  temporaryFolder,
  visible,
  write,
} from './fixtures.js'

const HEAD = 'removed,kept,cosine,removed_index,kept_index\n'

async function duplicatesIn(output: string): Promise<string> {
  return readFile(join(output, 'duplicates.csv'), 'utf8')
}

describe('duplicates.csv', () => {
  it('names each removed image, what stays in its place, and their cosine, in the order of the rows', async () => {
    const output = await temporaryFolder()
    // A chain: rows 0 and 4 are similar to row 1 only. Row 5 is a duplicate of row 2, row 3 of none.
    const duplicateOf = [-1, 0, -1, -1, 0, 2]
    const classOf = duplicateOf.map((stays, row) => (stays >= 0 ? NO_CLASS : [0, -1, 1, 2][row]!))
    const degrees = [0, 20, 90, 180, 40, 90]
    await write(output, clusteringOf(classOf, duplicateOf), {
      embeddings: embeddingsOf(6, 2, (row) => plane(degrees[row]!)),
    })
    expect(await duplicatesIn(output)).toBe(
      `${HEAD}/faces/1.png,/faces/0.png,0.939693,7,5
/faces/4.png,/faces/0.png,0.766044,13,5
/faces/5.png,/faces/2.png,1.000000,15,9
`,
    )
  })

  it('puts into quotes what would be taken for more than one field', async () => {
    const output = await temporaryFolder()
    const paths = ['a, "b".jpg', '人 é 🙂.jpg', 'two\nlines.jpg', '']
    await write(output, clusteringOf([0, NO_CLASS, NO_CLASS, NO_CLASS], [-1, 0, 0, 0]), {
      paths: pathSource(paths),
    })
    const kept = '"a, ""b"".jpg"'
    expect(await duplicatesIn(output)).toBe(
      `${HEAD}人 é 🙂.jpg,${kept},1.000000,7,5\n"two\nlines.jpg",${kept},1.000000,9,5\n,${kept},1.000000,11,5\n`,
    )
  })

  it('finds what stays wherever it was, whatever the batches in which paths come', async () => {
    for (let round = 0; round < rounds(3, 30); round++) {
      const random = seededRandom(round)
      const rows = 1 + Math.floor(random() * 6000)
      const share = random()
      const staying: number[] = []
      const duplicateOf = Int32Array.from({ length: rows }, (_, row) => {
        if (row > 0 && random() < share) return staying[Math.floor(random() ** 3 * staying.length)]!
        staying.push(row)
        return -1
      })
      const numbers = new Map(staying.map((row, number) => [row, number]))
      const clustering = clusteringOf(
        duplicateOf.map((_, row) => numbers.get(row) ?? NO_CLASS),
        duplicateOf,
      )
      const paths = pathsFor(clustering).map((path, row) =>
        row % 5 === 0 ? `/${'ä'.repeat(row % 97)}${path}` : path,
      )
      // So long that few are held at once.
      const dim = 1024
      const unit = new Float32Array(dim)
      unit[0] = 1
      const expected = Array.from(duplicateOf, (stays, row) =>
        stays < 0 ? '' : `${paths[row]},${paths[stays]},1.000000,${indexOfRow(row)},${indexOfRow(stays)}\n`,
      )
      const output = await temporaryFolder()
      await write(output, clustering, {
        paths: pathSource(paths, 1 + Math.floor(random() * 5000)),
        embeddings: embeddingsOf(rows, dim, () => unit),
      })
      expect((await duplicatesIn(output)) === HEAD + expected.join(''), `round ${round}`).toBe(true)
      expect((await visible(output)).filter((name) => name.includes('scratch'))).toEqual([])
    }
  }, 60_000)

  it('is a head alone where there are none, and not there where nobody looked for them', async () => {
    const output = await temporaryFolder()
    await write(output, clusteringOf([0, 0]))
    expect(await duplicatesIn(output)).toBe(HEAD)
    const { files, removed } = await write(output, clusteringOf([0, 0]), { removedDuplicates: false })
    expect(files).not.toContain('duplicates.csv')
    expect(removed).toContain('duplicates.csv')
    expect(existsSync(join(output, 'duplicates.csv'))).toBe(false)
  })
})
