import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MOST_PICTURES, writeReport, type ReportSources, type SweptThreshold } from '../src/index.js'
import { html } from '../src/page/html.js'
import { justAbove, notAbove } from '../src/page/numbers.js'
import { commandMarkup } from '../src/page/summary.js'
import { addBlended, Faces, madeUp, type MadeUp } from './made-up.js'

const HOSTILE = [
  '</script><script>alert(1)</script>.jpg',
  `" onerror="alert(2)" '.jpg`,
  'two\nlines\t.jpg',
  '\u202Egpj.exe',
  '🙂 <img src=x onerror=alert(3)>.jpg',
  '<!--<script>',
]

/** Four persons. */
function rows(): Float32Array[] {
  const faces = new Faces()
  for (let person = 0; person < 4; person++) {
    const direction = faces.person()
    for (let i = 0; i < 6; i++) faces.add([direction], 0.4)
  }
  return faces.rows
}

async function written(
  change: (sources: MadeUp) => Partial<ReportSources> = () => ({}),
  of = rows(),
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'facekit-report-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.html')
  const sources = await madeUp(of)
  await writeReport(file, { ...sources, ...change(sources) }, { seed: 1 })
  return readFileSync(file, 'utf8')
}

function labelsOf(classOf: Int32Array): ReportSources['labels'] {
  return {
    rows: classOf.length,
    async *batches() {
      yield {
        firstRow: 0,
        indices: Uint32Array.from(classOf, (_, row) => row),
        classOf,
        duplicateOf: new Float64Array(classOf.length).fill(-1),
      }
    },
    paths: async (wanted) => wanted.map((row) => `faces/${row}.jpg`),
  }
}

function swept(threshold: number, more: Partial<SweptThreshold>): SweptThreshold {
  return { threshold, classes: 10, singletons: 1, largest: 5, leaps: false, chained: 0, ...more }
}

/** A page on which nothing has a harmless name. */
async function hostilePage(): Promise<string> {
  async function* failures() {
    for (const [index, path] of HOSTILE.entries()) yield { index, path, reason: `cannot read ${path}` }
  }
  return written(({ run, labels }) => ({
    folder: HOSTILE[0]!,
    recorded: new Map([[HOSTILE[1]!, HOSTILE[0]!]]),
    failures: failures(),
    run: { ...run!, method: HOSTILE[4]!, command: ['cluster', ...HOSTILE] },
    labels: { ...labels, paths: async (wanted) => wanted.map((row) => HOSTILE[row % HOSTILE.length]!) },
  }))
}

describe('a page', () => {
  it('shows names that would be markup, and obeys none', async () => {
    const text = await hostilePage()
    const { document } = parseHTML(text)
    // Its own two.
    expect([...document.querySelectorAll('script')].map((script) => script.getAttribute('type'))).toEqual([
      'application/json',
      null,
    ])
    expect(document.querySelectorAll('[onerror]')).toHaveLength(0)
    const shown = [...document.querySelectorAll('.face')].map((face) => face.getAttribute('data-path')!)
    expect(shown).toContain(HOSTILE[0])
    expect(shown).toContain(HOSTILE[1])
    expect(shown).toContain('two\\nlines\\t.jpg')
    expect(shown).toContain('\\u202egpj.exe')
    expect(shown).toContain(HOSTILE[4])
    expect(document.querySelector('#failures')!.textContent).toContain(HOSTILE[4])
    expect(text).not.toContain('\u202E')
    // What is copied is the name itself.
    const data = JSON.parse(document.querySelector('#pictures')!.textContent!) as Record<
      string,
      { path: string }
    >
    expect(Object.values(data).map(({ path }) => path)).toEqual(expect.arrayContaining(HOSTILE))
  })

  it('lets in its own style and script, and nothing else', async () => {
    const text = await written()
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)![1]!
    for (const element of ['style', 'script']) {
      const [, inside] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(text)!
      const hash = createHash('sha256').update(inside!).digest('base64')
      expect(policy).toContain(`${element}-src 'sha256-${hash}'`)
    }
    expect(policy).toContain(`default-src 'none'`)
    expect(policy).not.toContain('unsafe')
    const { document } = parseHTML(text)
    expect(document.querySelectorAll('[style]')).toHaveLength(0)
    expect(document.querySelectorAll('style')).toHaveLength(1)
    for (const link of document.querySelectorAll('[src], link')) {
      expect(link.getAttribute('src') ?? link.getAttribute('href')).toBe('data:,')
    }
  })

  it('says of every section what is missing where there are labels alone', async () => {
    const { document } = parseHTML(
      await written(() => ({ run: undefined, edges: undefined, embeddings: undefined })),
    )
    const intro = (id: string) => document.querySelector(`#${id} .intro`)!.textContent!
    for (const id of ['bridges', 'thresholds', 'loose', 'borderline']) expect(intro(id)).toContain('--edges')
    for (const id of ['alike', 'cosines']) expect(intro(id)).toContain('--input')
    expect(intro('failures')).toContain('failed.ndjson')
    expect(document.querySelector('#summary')!.textContent).toContain('not recorded')
    expect(intro('summary')).toContain('embeddings and edges are not there')
  })

  it('looks first at persons that ran together, however they are joined', async () => {
    const faces = new Faces(3)
    addBlended(faces, 30)
    for (const embeddings of [true, false]) {
      const { document } = parseHTML(
        await written((sources) => (embeddings ? {} : { ...sources, embeddings: undefined }), faces.rows),
      )
      const intro = document.querySelector('#summary .intro')!
      expect(intro.textContent).not.toContain('Nothing strikes the eye')
      expect(intro.querySelector('a[href="#loose"]')!.textContent).toContain('1 class')
      expect(document.querySelector('#loose .class h3')!.textContent).toContain('group_0000')
    }
  })

  it('says that communities decide, where they made the classes', async () => {
    const faces = new Faces(2)
    const [one, other, between] = [faces.person(), faces.person(), faces.person()]
    for (const person of [one, other]) {
      for (let i = 0; i < 6; i++) faces.add([person])
      faces.add([person, between], 0.1, [4, 5])
    }
    const textsOf = async (method: string, classOf = (of: Int32Array) => of) => {
      const { document } = parseHTML(
        await written(
          (sources) => ({
            run: { ...sources.run!, method },
            labels: labelsOf(classOf(sources.classOf)),
            sweep: [swept(0.55, { chained: 1 })],
          }),
          faces.rows,
        ),
      )
      return (selector: string) =>
        [...document.querySelectorAll(selector)].map((element) => element.textContent.replaceAll(/\s+/g, ' '))
    }
    const components = await textsOf('components')
    expect(components('#bridges .advice')[0]).toMatch(/--cluster_thresh 0\.\d+ parts them/)
    expect(components('#borderline .about')[0]).toBe('just above, in one class')
    expect(components('#borderline .note').join()).not.toContain('two classes')
    expect(components('#summary .intro')[0]).toContain('persons that run together from 0.550 down')

    const communities = await textsOf('communities', (of) => of.map((_, row) => row % 2))
    expect(communities('#borderline .about')[0]).toBe('just above, joined unless communities part it')
    expect(communities('#borderline .note').join()).toContain('in two classes')
    expect(communities('#summary .intro')[0]).not.toContain('run together')
    const whole = await textsOf('communities')
    expect(whole('#bridges .advice')[0]).toContain('the communities decide')
  })

  it('names the highest threshold at which persons run together, and a threshold among strangers', async () => {
    const textOf = async (change: Partial<ReportSources>, id: string) =>
      parseHTML(await written(() => change)).document.querySelector(`#${id} .intro`)!.textContent!
    const sweep = [swept(0.4, { leaps: true }), swept(0.45, { chained: 2 }), swept(0.5, {})]
    expect(await textOf({ sweep }, 'thresholds')).toContain('stay above 0.450')
    // The threshold in use is above.
    expect(await textOf({ sweep }, 'summary')).not.toContain('run together')

    const strangersTo = (threshold: number, doubt?: string) => ({
      strangers: { threshold, median: 0, spread: 0.1, pairs: 100, histogram: new Uint32Array(200), doubt },
    })
    const warning = 'a threshold below 0.560, where strangers end'
    expect(await textOf(strangersTo(0.56), 'summary')).toContain(warning)
    expect(await textOf(strangersTo(0.56, 'Few'), 'summary')).not.toContain(warning)
    expect(await textOf(strangersTo(0.505), 'summary')).not.toContain('strangers end')
  })

  it('says how many pairs of classes are alike, and how many it shows', async () => {
    const faces = new Faces(4)
    const person = faces.person()
    // Far from one another, and all near their mean.
    for (let i = 0; i < 7; i++) {
      const self = faces.person()
      for (let picture = 0; picture < 4; picture++) faces.add([person, self], 0.3)
    }
    const labels = labelsOf(Int32Array.from(faces.rows, (_, row) => Math.floor(row / 4)))
    const run = (sources: MadeUp) => ({ ...sources.run!, clusterThresh: 0.4 })
    const { document } = parseHTML(await written((sources) => ({ labels, run: run(sources) }), faces.rows))
    expect(document.querySelector('nav a[href="#alike"] .count')!.textContent).toBe('12 of 21')
    expect(document.querySelector('#summary a[href="#alike"]')!.textContent).toContain('21 pairs')
  })

  it('cuts reasons and paths in the middle, and names what has no picture', async () => {
    const long = '🙂'.repeat(300)
    async function* failures() {
      yield { index: 0, path: `${long}.jpg`, reason: `begins ${long} ends` }
    }
    const { document } = parseHTML(
      await written(({ labels }) => ({
        folder: long,
        failures: failures(),
        labels: { ...labels, paths: async (wanted) => wanted.map((row) => `${long}/person/${row}.jpg`) },
        thumbnail: async () => {
          throw new Error(`begins ${long} ends`)
        },
      })),
    )
    const missing = document.querySelector('.missing')!
    expect(missing.querySelector('.name')!.textContent).toMatch(/^person\/\d+\.jpg$/)
    for (const cut of [missing, document.querySelector('#failures dt')!])
      expect(cut.textContent).toMatch(/begins (🙂)+ … (🙂)+ ends/u)
    const shown = [document.querySelector('h1')!, document.querySelector('#failures dl')!, missing]
    for (const { textContent } of shown) expect([...textContent!].length).toBeLessThan(600)
  })

  it.each([0, 1])('is made of %i images', async (count) => {
    const { document } = parseHTML(await written(() => ({}), rows().slice(0, count)))
    const text = (selector: string) => document.querySelector(selector)!.textContent!.replaceAll(/\s+/g, ' ')
    expect(text('#alike .intro')).toContain('no two classes')
    expect(text('#summary .intro')).toContain(
      count === 0 ? 'There are no images.' : 'Nothing strikes the eye.',
    )
    if (count === 1)
      expect(text('#chart-sizes-description')).toContain('From 1 class of 1 image to one of 1;')
  })

  it('names its charts, and marks both thresholds', async () => {
    const { document } = parseHTML(await written())
    const charts = [...document.querySelectorAll('svg')]
    expect(charts.map((chart) => chart.id || chart.getAttribute('aria-labelledby'))).toEqual([
      'chart-sizes-title',
      'chart-cosines-title',
    ])
    for (const chart of charts) {
      for (const name of ['aria-labelledby', 'aria-describedby'])
        expect(document.getElementById(chart.getAttribute(name)!)!.textContent).not.toBe('')
    }
    const texts = [...charts[1]!.querySelectorAll('text')].map((text) => text.textContent)
    expect(texts).toEqual(expect.arrayContaining(['one person 0.500', 'duplicates 0.970']))
  })
})

it('html escapes what it is given, also within attributes', () => {
  expect(html`<a href="${`"'<&`}">${['<b>', html`<i>${'x'}</i>`, 2, false, undefined]}</a>`.markup).toBe(
    '<a href="&quot;&#39;&lt;&amp;">&lt;b&gt;<i>x</i>2</a>',
  )
})

it('thresholds of three digits part and join', () => {
  const thousandths = Array.from({ length: 1000 }, (_, i) => i / 1000)
  for (const cosine of [...thousandths, 0.71163, 0.99951].map(Math.fround)) {
    const [above, below] = [Number(justAbove(cosine)), Number(notAbove(cosine))]
    expect(Math.fround(above)).toBeGreaterThan(cosine)
    expect(Math.fround(below)).toBeLessThanOrEqual(cosine)
    expect(above - below).toBeCloseTo(0.001, 9)
  }
  expect(justAbove(1)).toBeUndefined()
  expect(notAbove(1)).toBe('1.000')
})

it('a command is shown as a shell reads it', () => {
  const { markup } = commandMarkup(['cluster', '--input', 'my faces', `it's`])
  const { document } = parseHTML(`<html><body>${markup}</body></html>`)
  expect(document.body.textContent).toBe(`facekit cluster --input 'my faces' 'it'\\''s'`)
  expect(document.querySelector('.flag')!.textContent).toBe('--input')
})

it('the README says how many pictures a page has at most', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`shows ${MOST_PICTURES.toLocaleString('en-US')} pictures at most`)
})
