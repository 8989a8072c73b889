// node table.mjs [--simulated 50000:1,50000:2] [--file-sets FOLDER] [--thresholds 0.4,0.5] [--permute SEED]: see README.md
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { evaluateClustering } from '@facekit/labels'
import { communities } from './communities.mjs'
import { components } from './components.mjs'
import { permute, readFileSets, simulate } from './data-sets.mjs'

const { values } = parseArgs({
  options: {
    simulated: { type: 'string', default: '50000:1,50000:2' },
    'file-sets': {
      type: 'string',
      default: fileURLToPath(new URL('../../../../shared/fixtures/embeddings', import.meta.url)),
    },
    thresholds: {
      type: 'string',
      default: Array.from({ length: 17 }, (_, i) => (16 + i) / 40).join(','),
    },
    permute: { type: 'string' },
  },
})

const thresholds = numbersOf('thresholds', values.thresholds.split(','))
const simulated = values.simulated === '' ? [] : values.simulated.split(',')
const seeds = values.permute === undefined ? [] : numbersOf('permute', [values.permute])

for await (const dataSet of readFileSets(values['file-sets'])) await printTable(dataSet)
for (const size of simulated) {
  const [rows, seed = 1] = numbersOf('simulated', size.split(':'))
  await printTable(simulate(rows, seed))
}

/**
 * @param {string} option
 * @param {readonly string[]} texts
 */
function numbersOf(option, texts) {
  const numbers = texts.map(Number)
  if (!numbers.every((number) => number > 0))
    throw new Error(`Expected positive numbers for --${option} but received ${texts.join(' ')}`)
  return numbers
}

/** @param {import('./data-sets.mjs').DataSet} dataSet */
async function printTable(dataSet) {
  const { name, rows, identities } = dataSet
  console.log(`\n### ${name}: ${rows} faces of ${new Set(identities).size} people\n`)
  console.log('| clustering | classes | pairwise P | R | F | BCubed P | R | F |')
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  /** @type {({ name: string } & import('@facekit/labels').Evaluation)[]} */
  const scored = []
  for await (const found of components(dataSet, thresholds))
    scored.push({ name: found.name, ...printScores(found, identities) })
  for await (const found of communities(dataSet)) printScores(found, identities)
  for (const seed of seeds) {
    const permuted = permute(dataSet, seed)
    for await (const found of communities(permuted, [0]))
      printScores({ ...found, name: `${found.name}, rows permuted` }, permuted.identities)
  }
  const best = (/** @type {'pairwise' | 'bcubed'} */ metric) => {
    const { name: of, [metric]: scores } = scored.reduce((a, b) => (b[metric].f > a[metric].f ? b : a))
    return `${of}, F ${scores.f.toFixed(3)}`
  }
  console.log(
    `\nBest components, found with the truth: pairwise ${best('pairwise')}; BCubed ${best('bcubed')}`,
  )
}

/**
 * @param {{ name: string, classes: number, classOf: Int32Array }} clustering
 * @param {Int32Array} identities
 */
function printScores({ name, classes, classOf }, identities) {
  const evaluation = evaluateClustering(classOf, identities)
  const scores = [evaluation.pairwise, evaluation.bcubed].flatMap(({ precision, recall, f }) => [
    precision,
    recall,
    f,
  ])
  console.log(`| ${name} | ${classes} | ${scores.map((score) => score.toFixed(3)).join(' | ')} |`)
  return evaluation
}
