import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderAlbum } from './album.js'
import { runPipe } from './pipe.js'
import { readQuality, type Quality } from './quality.js'

// Relative, so that the commands can be read and run again.
const output = 'demo-output'
const album = join(output, 'album')
const labels = join(output, 'labels')
const model = relative('.', fileURLToPath(new URL('../model/demo.pth', import.meta.url)))

// People that the embedder has never seen: it learned from albums of other seeds.
const ALBUM = { identities: 300, picturesPerIdentity: [4, 8], duplicates: 0.05, seed: 20 } as const

const startMs = Date.now()
await rm(output, { recursive: true, force: true })
console.log(`Drawing ${ALBUM.identities} people …`)
const truth = await renderAlbum({ ...ALBUM, output: album })

const pipe = [
  ['extract', '--input', album, '--weights', model],
  // Drawn faces are more alike than photographs: a higher bar for what is the same picture.
  ['cluster', '--output', labels, '--duplicate_thresh', '0.96'],
] as const
console.log(pipe.map((command) => ['npx facekit', ...command].join(' ')).join(' | '))
await runPipe(...pipe)

const quality = await readQuality(labels, album, truth)
console.log(report(quality))
console.log(`Labels, previews and assignments.parquet are in ${labels}, the pictures in ${album}.`)
console.log(`The demo took ${Math.round((Date.now() - startMs) / 1000)} s.`)

function report({ pictures, identities, classes, pairwise, bcubed, duplicates }: Quality): string {
  const row = (name: string, { precision, recall, f }: Quality['bcubed']) =>
    `  ${name.padEnd(10)}${[precision, recall, f].map((value) => value.toFixed(4).padStart(11)).join('')}`
  return `
${pictures} pictures of ${identities} people: ${classes} classes found

              precision     recall          F
${row('pairwise', pairwise)}
${row('BCubed', bcubed)}

  near-duplicates: ${duplicates.found} found, ${duplicates.missed} missed; ${duplicates.wrong} other pictures removed with them
`
}
