import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { openFileSet, readEmbeddings } from '@facekit/io-npy'
import { HardFaces, Variates } from '@facekit/testing'

const SIMULATED_DIM = 128

/**
 * Faces whose identities are known.
 *
 * @typedef {object} DataSet
 * @property {string} name
 * @property {number} rows
 * @property {number} dim
 * @property {Float32Array} embeddings rows × dim, each row of length 1
 * @property {Int32Array} identities of the rows
 */

/**
 * The folders in a folder, each with a file set in which the folder of a path is the identity.
 *
 * @param {string} folder none of them where it is missing
 */
export async function* readFileSets(folder) {
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  for (const name of names) yield readFileSet(join(folder, name))
}

/**
 * @param {string} folder
 * @returns {Promise<DataSet>}
 */
async function readFileSet(folder) {
  const set = await openFileSet(folder)
  const { rows, dim } = set
  const embeddings = new Float32Array(rows * dim)
  const identities = new Int32Array(rows)
  /** @type {Map<string, number>} */
  const numbers = new Map()
  let row = 0
  for await (const batch of readEmbeddings(set)) {
    embeddings.set(batch.embeddings, row * dim)
    for (const path of batch.paths) {
      const identity = dirname(path)
      const number = numbers.get(identity) ?? numbers.size
      numbers.set(identity, number)
      identities[row++] = number
    }
  }
  for (let at = 0; at < embeddings.length; at += dim) toUnit(embeddings.subarray(at, at + dim))
  return { name: basename(folder), rows, dim, embeddings, identities }
}

/** @param {Float32Array} row scaled in place to length 1 */
function toUnit(row) {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0))
  for (let k = 0; k < row.length; k++) row[k] /= length
}

/**
 * @param {number} rows
 * @param {number} seed
 * @returns {DataSet}
 */
export function simulate(rows, seed) {
  const { embeddings, identities } = new HardFaces(rows, SIMULATED_DIM, { seed })
  return { name: `simulated, seed ${seed}`, rows, dim: SIMULATED_DIM, embeddings, identities }
}

/**
 * The same faces in another order.
 *
 * @param {DataSet} dataSet
 * @param {number} seed
 * @returns {DataSet}
 */
export function permute({ name, rows, dim, embeddings, identities }, seed) {
  const order = new Variates(seed).permutation(rows)
  const permuted = new Float32Array(rows * dim)
  order.forEach((from, row) => permuted.set(embeddings.subarray(from * dim, (from + 1) * dim), row * dim))
  return {
    name,
    rows,
    dim,
    embeddings: permuted,
    identities: Int32Array.from(order, (row) => identities[row]),
  }
}
