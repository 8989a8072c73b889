import { dot, readVectors, sample, sampleClasses, seededRandom } from '@facekit/core'
import { readEdges } from '@facekit/edges'
import { ReportError } from '../errors.js'
import { LIMITS } from '../limits.js'
import type { ReportSources } from '../sources.js'
import { findAlike, type Alike } from './alike.js'
import { Classes } from './classes.js'
import { readEdgeFacts, type EdgeFacts, type Pair } from './edge-facts.js'
import { drawnCohesion, edgeCohesion, type Cohesion } from './cohesion.js'
import { Cosines } from './cosines.js'
import { groupFailures, type Failures } from './failures.js'
import { findLoose, type LooseClasses } from './loose.js'
import { makePictures, type Picture } from './pictures.js'
import { chooseClasses, facesOf, type Face, type Sheet, type SheetKind } from './sheets.js'

/** Of an image that stays, and one that was removed for it. */
export interface Copies {
  stays: number
  /** Removed for it, all of them. */
  count: number
  /** Cosine to the image that stays. */
  copies: Face[]
}

export interface Half {
  size: number
  /** The row of the bridge. */
  end: number
  rows: number[]
}

/** A class that one edge holds together. */
export interface BridgedClass {
  class: number
  size: number
  similarity: number
  /** Bridges of this class that part two large halves. */
  ofClass: number
  halves: [Half, Half]
}

/** All that a page shows. */
export interface ReportFacts {
  seed: number
  classes: Classes
  edges: EdgeFacts | undefined
  sheets: Record<SheetKind, Sheet[]>
  loose: LooseClasses | undefined
  bridges: { classes: number; bridges: BridgedClass[] } | undefined
  alike: Alike | undefined
  duplicates: Copies[]
  failures: Failures | undefined
  pictures: ReadonlyMap<number, Picture>
}

/** Cosine of means from which on two classes may be one person, where no threshold is known. */
const ALIKE = 0.5

/** Edges hold float32; embeddings of other precision differ in the fourth digit. */
const MOST_DIFFERENCE = 0.002

/** @throws ReportError; what the sources throw */
export async function gather(
  sources: ReportSources,
  seed: number,
  signal?: AbortSignal,
): Promise<ReportFacts> {
  const { run, embeddings } = sources
  checkRows(sources)
  checkFloor(sources)
  const random = seededRandom(seed)
  const classes = await Classes.read(sources.labels)
  const clusterThresh = run?.clusterThresh
  const edges =
    sources.edges &&
    (await readEdgeFacts(sources.edges, classes, clusterThresh, run?.duplicateThresh ?? undefined, signal))
  if (edges && embeddings) await checkEmbeddings(sources, edges)
  signal?.throwIfAborted()
  const joins = Math.fround(clusterThresh ?? edges?.floor ?? ALIKE)
  const loose = edges && (await findLoose(classes, embeddings, edges, joins, random))
  signal?.throwIfAborted()
  const sheets = await makeSheets(sources, classes, edges, loose, joins, random)
  signal?.throwIfAborted()
  const alike =
    embeddings && (await findAlike(classes, embeddings, edges?.between ?? [], clusterThresh ?? ALIKE, random))
  const bridges = await bridgesOf(sources, classes, random)
  const duplicates = await copiesOf(sources, classes, random)
  const failures = sources.failures && (await groupFailures(sources.failures))
  const facts = { seed, classes, edges, loose, sheets, bridges, alike, duplicates, failures }
  return { ...facts, pictures: await makePictures(shownRows(facts), sources, signal) }
}

function checkRows({ folder, labels, embeddings, edges }: ReportSources): void {
  for (const [name, rows] of [
    ['embeddings', embeddings?.rows],
    ['edges', edges?.rows],
  ] as const) {
    if (rows !== undefined && rows !== labels.rows) {
      throw new ReportError(
        `Expected the ${name} of the ${labels.rows} images of ${folder} but got ${rows} rows. Name those that the labels were made of: --input, --edges.`,
      )
    }
  }
}

/** Below the floor nobody knows which pairs joined classes, or were duplicates. */
function checkFloor({ folder, run, edges }: ReportSources): void {
  if (!run || !edges) return
  const lowest = Math.min(run.clusterThresh, run.duplicateThresh ?? 1)
  if (edges.floor <= Math.fround(lowest)) return
  throw new ReportError(
    `Expected the edges that the labels in ${folder} were made of, which begin at ${lowest} or below, but those in ${edges.folder} begin at ${edges.floor.toFixed(3)}. Name the right ones by --edges, or search with --floor ${lowest}.`,
  )
}

/** Edges say what some cosines are. */
async function checkEmbeddings({ embeddings, edges: set }: ReportSources, edges: EdgeFacts): Promise<void> {
  const pairs = [...edges.nearClass.above, ...edges.nearDuplicate.above, ...edges.between.slice(0, 8)]
  const vectors = await readVectors(
    embeddings!,
    pairs.flatMap(({ source, target }) => [source, target]),
  )
  for (const { source, target, similarity } of pairs) {
    const cosine = dot(vectors.get(source)!, vectors.get(target)!)
    if (Math.abs(cosine - similarity) <= MOST_DIFFERENCE) continue
    throw new ReportError(
      `Expected the embeddings that the edges in ${set!.folder} are of, but rows ${source} and ${target} have a cosine of ${cosine.toFixed(3)} instead of ${similarity.toFixed(3)}. Name the right ones: --input, --edges.`,
    )
  }
}

async function makeSheets(
  { embeddings }: ReportSources,
  classes: Classes,
  edges: EdgeFacts | undefined,
  loose: LooseClasses | undefined,
  joins: number,
  random: () => number,
): Promise<Record<SheetKind, Sheet[]>> {
  const chosen = chooseClasses(classes, loose, random)
  const numbers = new Set(Object.values(chosen).flat())
  const compared = embeddings ? LIMITS.comparedFaces : LIMITS.largestFaces
  const limits = new Map([...numbers].map((number) => [number, compared]))
  const rowsOf = sampleClasses(classes.classOf, classes.sizes.length, limits, random)
  const vectors = embeddings && (await readVectors(embeddings, [...rowsOf.values()].flat()))
  const cohesionOf = (number: number, size: number): Cohesion | undefined => {
    if (!edges) return undefined
    if (!vectors || size <= edges.topK) return edgeCohesion(number, size, edges)
    return drawnCohesion(new Cosines(rowsOf.get(number)!.map((row) => vectors.get(row)!)), joins)
  }
  const sheet = (shown: number) => (number: number) => {
    const rows = rowsOf.get(number)!
    const size = classes.sizes[number]!
    return {
      class: number,
      size,
      faces: facesOf(rows, vectors, shown),
      compared: vectors ? rows.length : 0,
      cohesion: cohesionOf(number, size),
      groups: loose?.groups.get(number),
    }
  }
  return {
    largest: chosen.largest.map(sheet(LIMITS.largestFaces)),
    loose: chosen.loose.map(sheet(LIMITS.otherFaces)),
    random: chosen.random.map(sheet(LIMITS.otherFaces)),
  }
}

async function bridgesOf(
  { edges, findBridges, run }: ReportSources,
  { classOf, sizes }: Classes,
  random: () => number,
): Promise<ReportFacts['bridges']> {
  if (!edges) return undefined
  const threshold = run && Math.max(run.clusterThresh, edges.floor)
  const joining = readEdges(edges, threshold === undefined ? {} : { threshold })
  const { classes, bridges } = await findBridges(classOf, joining)
  const half = (rows: Uint32Array, end: number): Half => {
    const others = sample(rows, LIMITS.halfFaces + 1, random).filter((row) => row !== end)
    return { size: rows.length, end, rows: others.slice(0, LIMITS.halfFaces) }
  }
  return {
    classes,
    bridges: bridges.slice(0, LIMITS.bridges).map(({ halves, source, target, ...bridge }) => ({
      class: bridge.class,
      size: sizes[bridge.class]!,
      similarity: bridge.similarity,
      ofClass: bridge.ofClass,
      halves: [half(halves[0], source), half(halves[1], target)],
    })),
  }
}

async function copiesOf(
  { embeddings }: ReportSources,
  classes: Classes,
  random: () => number,
): Promise<Copies[]> {
  const chosen = classes.staysOf(sample(classes.removed(), LIMITS.duplicates, random))
  const shown = [...chosen].map(([stays, copies]) => ({
    stays,
    count: copies.length,
    rows: copies.slice(0, LIMITS.copies),
  }))
  const vectors =
    embeddings &&
    (await readVectors(
      embeddings,
      shown.flatMap(({ stays, rows }) => [stays, ...rows]),
    ))
  const cosine = (a: number, b: number) => vectors && dot(vectors.get(a)!, vectors.get(b)!)
  return shown.map(({ stays, count, rows }) => ({
    stays,
    count,
    copies: rows.map((row) => ({ row, cosine: cosine(stays, row) })),
  }))
}

function* shownRows(facts: Omit<ReportFacts, 'pictures'>): Generator<number> {
  for (const sheets of Object.values(facts.sheets))
    for (const { faces } of sheets) for (const { row } of faces) yield row
  for (const { halves } of facts.bridges?.bridges ?? [])
    for (const { end, rows } of halves) {
      yield end
      yield* rows
    }
  for (const { rows } of facts.alike?.pairs ?? []) yield* rows.flat()
  for (const { stays, copies } of facts.duplicates) {
    yield stays
    for (const { row } of copies) yield row
  }
  for (const pair of borderline(facts.edges)) {
    yield pair.source
    yield pair.target
  }
}

function borderline(edges: EdgeFacts | undefined): Pair[] {
  if (!edges) return []
  return [edges.nearClass, edges.nearDuplicate].flatMap(({ below, above }) => [...below, ...above])
}
