// Draws docs/clustering.svg: two persons and a chain of blurred faces between them, as components and as communities.
//     node tools/clusterings/src/figure.mjs
import { writeFile } from 'node:fs/promises'
import { clusterEdges, detectCommunities } from '@facekit/graph'
import { seededRandom } from '@facekit/testing'

const DIM = 48
const FACES = 26
const BLURRED = 6
const THRESHOLD = 0.6
const OUTPUT = new URL('../../../docs/clustering.svg', import.meta.url)

const random = seededRandom(7)
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
/** @param {number[]} values */
const unit = (values) => {
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}
const direction = () => unit(Array.from({ length: DIM }, normal))
/** @param {number[]} a @param {number[]} b */
const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0)
/** @param {number[]} center @param {number} share of it */
const near = (center, share) => {
  const other = direction()
  return unit(center.map((value, i) => share * value + Math.sqrt(1 - share * share) * other[i]))
}

const first = direction()
const second = unit(direction().map((value, i) => value + 0.1 * first[i]))
const faces = [
  ...Array.from({ length: FACES }, () => near(first, 0.8 + 0.17 * random())),
  ...Array.from({ length: FACES }, () => near(second, 0.8 + 0.17 * random())),
  ...Array.from({ length: BLURRED }, (_, i) => {
    const angle = (Math.PI / 2) * ((i + 1) / (BLURRED + 1))
    return near(unit(first.map((value, at) => Math.cos(angle) * value + Math.sin(angle) * second[at])), 0.93)
  }),
]

/** @type {[number, number, number][]} */
const edges = []
for (let a = 0; a < faces.length; a++)
  for (let b = a + 1; b < faces.length; b++) {
    const similarity = cosine(faces[a], faces[b])
    if (similarity >= THRESHOLD) edges.push([a, b, similarity])
  }
const batch = {
  source: Uint32Array.from(edges, ([a]) => a),
  target: Uint32Array.from(edges, ([, b]) => b),
  similarity: Float32Array.from(edges, ([, , similarity]) => similarity),
}

/** @param {import('@facekit/core').StageOf<import('@facekit/core').EdgeBatch, import('@facekit/core').Clustering>} stage */
async function classesBy(stage) {
  const [clustering] = await stage.end(batch).toArray()
  return clustering
}

const rows = faces.length
const embeddings = {
  rows,
  dim: DIM,
  /** @param {number} start @param {number} end @param {Float32Array} into */
  readUnits: (start, end, into) => into.set(faces.slice(start, end).flat()),
}
const panels = [
  {
    title: '--method components',
    said: 'whoever is connected is one person',
    clustering: await classesBy(clusterEdges({ rows, clusterThreshold: THRESHOLD })),
  },
  {
    title: '--method communities',
    said: 'dense parts are persons',
    clustering: await classesBy(
      detectCommunities({
        rows,
        threshold: THRESHOLD,
        embeddings,
        again: async function* () {
          yield batch
        },
      }),
    ),
  },
]

const [WIDTH, HEIGHT, SIDE, MARGIN, TOP] = [760, 420, 320, 30, 62]
const COLORS = 3

/** @param {number} panel @param {number[]} face */
const place = (panel, face) => {
  const x = panel * (WIDTH / 2) + MARGIN + SIDE * Math.max(0, cosine(face, first))
  const y = TOP + SIDE * (1 - Math.max(0, cosine(face, second)))
  return /** @type {const} */ ([Math.round(x), Math.round(y)])
}

const drawn = panels.map(({ title, said, clustering: { classOf, sizes } }, panel) => {
  const lines = edges.map(([a, b]) => {
    const [[x1, y1], [x2, y2]] = [place(panel, faces[a]), place(panel, faces[b])]
    return `M${x1} ${y1}L${x2} ${y2}`
  })
  const points = faces.map((face, row) => {
    const [x, y] = place(panel, face)
    const isAlone = sizes[classOf[row]] < 5
    return `<circle cx="${x}" cy="${y}" r="4" class="${isAlone ? 'alone' : `c${classOf[row] % COLORS}`}"/>`
  })
  const left = panel * (WIDTH / 2) + MARGIN
  const persons = sizes.filter((size) => size >= 5).length
  return [
    `<text x="${left}" y="24" class="title">${title}</text>`,
    `<text x="${left}" y="44">${said}: ${persons === 1 ? 'one person' : `${persons} persons`}</text>`,
    `<path class="edges" d="${lines.join('')}"/>`,
    `<g>${points.join('')}</g>`,
  ].join('\n')
})

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>Two persons and blurred faces between them</title>
<desc>Each point is a face; how far to the right, its cosine with one person, how far up, with another. Lines join faces of a cosine of ${THRESHOLD} or more. As components all are one class; as communities they are two, and some blurred faces stand alone.</desc>
<style>
text { font: 13px system-ui, sans-serif; fill: #444 }
.title { font: 600 14px ui-monospace, monospace; fill: #111 }
.edges { stroke: #888; stroke-opacity: .2; fill: none }
.c0 { fill: #2563c9 } .c1 { fill: #d97706 } .c2 { fill: #0d9488 }
.alone { fill: none; stroke: #777; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #bbb } .title { fill: #eee } .edges { stroke: #aaa } .c0 { fill: #6ea1f5 } .c1 { fill: #f5a742 } .c2 { fill: #2dd4bf } .alone { stroke: #aaa }
}
</style>
${drawn.join('\n')}
</svg>
`
await writeFile(OUTPUT, svg)
for (const { title, clustering } of panels) console.log(title, [...clustering.sizes].slice(0, 4).join(' '))
