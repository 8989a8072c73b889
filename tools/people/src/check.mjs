// node check.mjs ROWS DIM LABELS [SEED]: compares the labels of made-up people with the truth.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readLabelRecords } from '@facekit/io-npy'
import { People } from '@facekit/testing'

const [rows, dim, folder = '', seed] = process.argv.slice(2)
const people = new People(Number(rows), Number(dim), { seed: Number(seed ?? 1) })
const file = readdirSync(folder).find((name) => name.endsWith('_data_data_list.npy')) ?? ''

/** @type {Map<number, string>} */
const classOf = new Map()
let row = 0
let kept = 0
let removed = 0

/** Passes over the rows that are to be removed: of two equal pictures the later. */
function skipRemoved() {
  while (row < people.rows && (people.twinOf(row) ?? Infinity) < row) {
    row++
    removed++
  }
}

/** @type {(message: string) => never} */
function fail(message) {
  console.error(`row ${row}: ${message}`)
  process.exit(1)
}

for await (const records of readLabelRecords(join(folder, file))) {
  for (const { folder: name, file_path: path } of records) {
    skipRemoved()
    if (path !== people.pathOf(row)) fail(`expected ${people.pathOf(row)} but found ${path}`)
    const person = people.personOf(row)
    const known = classOf.get(person) ?? name
    if (known !== name) fail(`person ${person} is in ${known} and ${name}`)
    classOf.set(person, name)
    row++
    kept++
  }
}
skipRemoved()
if (row !== people.rows) fail(`expected ${people.rows} rows`)
const classes = new Set(classOf.values()).size
if (classes !== classOf.size) fail(`${classOf.size} persons share ${classes} classes`)
console.log(`as made: ${classes} persons, ${kept} pictures kept, ${removed} duplicates removed`)
