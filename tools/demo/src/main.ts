import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { renderAlbum } from './album.js'
import { demoCommands, foldersIn } from './commands.js'
import { readQuality, type Quality } from './quality.js'
import { runFacekit } from './run-facekit.js'

const output = 'demo-output'
const folders = foldersIn(output)
const { album, labels } = folders

// People that the embedder has never seen: it learned from albums of other seeds.
const ALBUM = { identities: 300, picturesPerIdentity: [4, 8], duplicates: 0.05, seed: 20 } as const

const startMs = Date.now()
await rm(output, { recursive: true, force: true })
console.log(`Drawing ${ALBUM.identities} people …`)
const truth = await renderAlbum({ ...ALBUM, output: album })

for (const command of demoCommands(folders)) {
  console.log(['npx facekit', ...command].join(' '))
  await runFacekit(command)
}

const quality = await readQuality(labels, album, truth)
console.log(report(quality))
console.log(`Labels, previews and assignments.parquet are in ${labels}, the pictures in ${album}.`)
console.log(`Look at the clustering: open ${join(labels, 'report.html')} in a browser.`)
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
