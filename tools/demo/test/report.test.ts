import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from '@facekit/testing'
import { chromium as driver, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderAlbum } from '../src/album.js'
import { demoCommands, foldersIn } from '../src/commands.js'
import { runFacekit } from '../src/run-facekit.js'

const executablePath = chromium()

/** As the page shows them, by their names. */
const HOSTILE = new Map([
  [`"><img src=x onerror=document.title='obeyed'>.jpg`, `"><img src=x onerror=document.title='obeyed'>.jpg`],
  [`<script>document.title='obeyed'<&script>'".jpg`, `<script>document.title='obeyed'<&script>'".jpg`],
  ['new\nline.jpg', 'new\\nline.jpg'],
  ['right\u202Eto left \u2067.jpg', 'right\\u202eto left \\u2067.jpg'],
  ['face 🙂 & co.jpg', 'face 🙂 & co.jpg'],
])

const SECTIONS =
  'summary sizes cosines thresholds bridges alike largest loose random duplicates borderline failures'.split(
    ' ',
  )

let root: string
let report: string
let browser: Browser

beforeAll(async () => {
  if (executablePath === undefined) return
  root = await mkdtemp(join(tmpdir(), 'facekit-report-'))
  const folders = foldersIn(root)
  const { album, labels } = folders
  const options = { identities: 40, picturesPerIdentity: [4, 8], duplicates: 0.2, seed: 20 } as const
  const pictures = await renderAlbum({ ...options, output: album })
  const names = [...HOSTILE.keys()]
  for (const [i, { path }] of pictures.entries())
    await rename(join(album, path), join(album, dirname(path), `${i} ${names[i % names.length]}`))
  await writeFile(join(album, 'empty.jpg'), '')
  await writeFile(join(album, '<b>text.jpg'), 'no picture')
  for (const command of demoCommands(folders)) await runFacekit(command)
  report = join(labels, 'report.html')
  // It needs no file but itself.
  await rm(album, { recursive: true })
  browser = await driver.launch({ executablePath, args: ['--no-sandbox'] })
}, 300_000)

afterAll(async () => {
  await browser?.close()
  if (root) await rm(root, { recursive: true })
})

interface Opened {
  page: Page
  /** Messages on the console, exceptions, requests. */
  wrong: string[]
}

async function open(options: Parameters<Browser['newPage']>[0] = {}): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 }, ...options })
  const { href } = pathToFileURL(report)
  const wrong: string[] = []
  page.on('console', (message) => wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(error.message))
  page.on('request', (request) => {
    if (request.url() !== href && !request.url().startsWith('data:')) wrong.push(request.url())
  })
  await page.goto(href)
  return { page, wrong }
}

// What runs in the page is text here: this is no program for a browser, and has none of its types.

const ALL_SHOWN = `[...document.querySelectorAll('img')].every(({ naturalWidth }) => naturalWidth > 0)`
const STATUS = `document.querySelector('.status').textContent`

/** Goes down to the end, as a reader does: each step is seen, however long a frame takes. */
async function readThrough(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    for (let y = 0; y < document.body.scrollHeight; y += 500) {
      scrollTo(0, y)
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    }
  })()`)
  await soon(() => page.evaluate(ALL_SHOWN)).toBe(true)
}

/** A machine that is busy takes its time. */
function soon<T>(look: () => T | Promise<T>) {
  return expect.poll(look, { timeout: 30_000 })
}

async function pathsOf(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('.face')].map(({ dataset }) => dataset.path)`)
}

describe.skipIf(executablePath === undefined)('the report in Chromium (skipped where there is none)', () => {
  it('has every section with what belongs there, and asks for nothing', async () => {
    const { page, wrong } = await open()
    await readThrough(page)
    const count = (selector: string) => page.locator(selector).count()
    for (const id of SECTIONS) {
      expect(await page.locator(`#${id} h2`).isVisible(), id).toBe(true)
      expect(await count(`nav a[href="#${id}"]`), id).toBe(1)
    }
    expect(await count('nav a')).toBe(SECTIONS.length)
    expect(await count('#summary .tiles div')).toBe(6)
    const summary = await page.locator('#summary').innerText()
    expect(summary).toContain('facekit cluster --input')
    expect(summary).toMatch(/[0-9a-f]{64}/)
    expect(await count('#sizes svg circle')).toBeGreaterThan(3)
    expect(await count('#cosines svg rect')).toBeGreaterThan(20)
    expect(await page.locator('#cosines svg').textContent()).toMatch(/one person 0\.700.*duplicates 0\.960/)
    expect(await count('#thresholds svg')).toBe(2)
    for (const id of ['largest', 'random']) {
      expect(await count(`#${id} .class`), id).toBe(12)
      expect(await count(`#${id} img`), id).toBeGreaterThan(30)
    }
    expect(await count('#loose .class')).toBeGreaterThan(0)
    expect(await count('#duplicates img')).toBeGreaterThan(20)
    expect(await count('#borderline img')).toBe(4 * 12 * 2)
    expect(await count('#failures dt')).toBe(2)
    expect(await page.locator('#failures').innerText()).toContain('<b>text.jpg')
    expect(wrong).toEqual([])
    await page.close()
  })

  it('shows hostile names and obeys none', async () => {
    const { page, wrong } = await open()
    await readThrough(page)
    const paths = await pathsOf(page)
    for (const shown of HOSTILE.values())
      expect(
        paths.some((path) => path.endsWith(` ${shown}`)),
        shown,
      ).toBe(true)
    expect(await page.title()).not.toBe('obeyed')
    expect(wrong).toEqual([])
    await page.close()
  })

  it('copies the path of a face, as it is, and says so', async () => {
    const { page } = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
    for (const [name, shown] of HOSTILE) {
      const paths = await pathsOf(page)
      const at = paths.findIndex((path) => path.endsWith(shown))
      const face = page.locator('.face').nth(at)
      await face.hover()
      await soon(() => page.evaluate(STATUS)).toBe(paths[at])
      await face.click()
      await soon(() => page.evaluate(STATUS)).toBe(`Copied ${paths[at]}`)
      expect(await page.evaluate<string>('navigator.clipboard.readText()')).toContain(` ${name}`)
    }
    await page.close()
  })

  it('is used by the keyboard alone', async () => {
    const { page } = await open()
    const focused = () =>
      page.evaluate<{ text: string; className: string; row?: string; path?: string }>(`(() => {
        const { textContent, className, dataset } = document.activeElement
        return { text: textContent.trim(), className, ...dataset }
      })()`)
    await page.keyboard.press('Tab')
    expect((await focused()).text).toBe('Skip to the report')
    await page.keyboard.press('Tab')
    expect((await focused()).text).toBe('Summary')
    await page.locator('nav a[href="#largest"]').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    const first = await focused()
    expect(first.className).toContain('face')
    await page.keyboard.press('ArrowRight')
    const second = await focused()
    expect(second.row).not.toBe(first.row)
    expect(await page.evaluate(STATUS)).toBe(second.path)
    await page.keyboard.press('Home')
    expect(await focused()).toEqual(first)
    // Down a line, and back.
    const place = `(() => {
      const { left, top } = document.activeElement.getBoundingClientRect()
      return { left: Math.round(left), top: Math.round(top + scrollY) }
    })()`
    await page.setViewportSize({ width: 500, height: 1000 })
    const above = await page.evaluate<{ left: number; top: number }>(place)
    await page.keyboard.press('ArrowDown')
    const below = await page.evaluate<{ left: number; top: number }>(place)
    expect(below.left).toBe(above.left)
    expect(below.top).toBeGreaterThan(above.top)
    await page.keyboard.press('ArrowUp')
    expect(await focused()).toEqual(first)
    // Past all other faces of the class, to the next class.
    await page.keyboard.press('Tab')
    const before = `document.activeElement.closest('.class').previousElementSibling.className`
    expect(await page.evaluate(before)).toBe('class')
    await page.close()
  })

  it('says where one is, to the end of the page', async () => {
    const { page } = await open()
    const current = () => page.locator('nav a[aria-current]').getAttribute('href')
    await soon(current).toBe('#summary')
    await readThrough(page)
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)')
    await soon(current).toBe('#failures')
    await page.close()
  })

  it.each([
    [1600, 'light'],
    [1600, 'dark'],
    [400, 'light'],
    [400, 'dark'],
  ] as const)('fits %i pixels, %s, and axe finds nothing', async (width, colorScheme) => {
    // axe alone is let past the policy of the page.
    const { page } = await open({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true })
    await page.evaluate(`document.querySelectorAll('details').forEach((details) => (details.open = true))`)
    await readThrough(page)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    const outside = `[...document.querySelectorAll('h2, .intro, .sheet, figure, .tiles, .facts')].filter((element) => {
      const { left, right } = element.getBoundingClientRect()
      return left < 0 || right > innerWidth
    }).length`
    expect(await page.evaluate(outside)).toBe(0)
    const back = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const [red] = /\d+/.exec(back)!
    expect(Number(red) < 128).toBe(colorScheme === 'dark')

    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
    await page.evaluate(await readFile(axe, 'utf8'))
    const violations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))`
    expect(await page.evaluate(violations)).toEqual([])
    await page.close()
  })

  it('prints with all pictures, names where they matter, and without what is for the screen', async () => {
    const { page } = await open()
    await page.emulateMedia({ media: 'print' })
    await page.evaluate(`dispatchEvent(new Event('beforeprint'))`)
    await soon(() => page.evaluate(ALL_SHOWN)).toBe(true)
    expect(await page.locator('header').isVisible()).toBe(false)
    const name = (id: string) => page.locator(`#${id} .name`).first()
    expect(await name('borderline').isVisible()).toBe(true)
    expect(await name('borderline').innerText()).toMatch(/\.jpg$/)
    expect(await name('largest').isVisible()).toBe(false)
    await page.close()
  })
})
