import { parseArgs } from 'node:util'
import { renderAlbum } from './album.js'

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'album' },
    identities: { type: 'string', default: '300' },
    pictures: { type: 'string', default: '4-8' },
    duplicates: { type: 'string', default: '0.05' },
    seed: { type: 'string', default: '1' },
  },
})

const [least = 1, most = least] = values.pictures.split('-').map(Number)
const startedAt = performance.now()
const entries = await renderAlbum({
  output: values.output,
  identities: Number(values.identities),
  picturesPerIdentity: [least, most],
  duplicates: Number(values.duplicates),
  seed: Number(values.seed),
})
const seconds = (performance.now() - startedAt) / 1000

console.error(
  `${entries.length} pictures in ${values.output}: ${Math.round(entries.length / seconds)} pictures/s`,
)
