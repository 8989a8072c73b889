// Draws the pictures of the report that the README shows, from the demo's album: run the demo before.
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { chromium } from '@facekit/testing'
import { chromium as driver } from 'playwright-core'
import sharp from 'sharp'

const REPORT = 'demo-output/labels/report.html'

/**
 * Which part of the page, in which colours.
 *
 * @type {{ file: string, section: string, colorScheme: 'light' | 'dark' }[]}
 */
const PICTURES = [
  { file: 'docs/report-light.webp', section: 'bridges', colorScheme: 'light' },
  { file: 'docs/report-dark.webp', section: 'cosines', colorScheme: 'dark' },
]

const executablePath = chromium()
if (executablePath === undefined) throw new Error('Install chromium: apt-get install chromium')
await readFile(REPORT).catch(() => {
  throw new Error(`Expected ${REPORT}: npm run demo`)
})

const browser = await driver.launch({ executablePath, args: ['--no-sandbox'] })
for (const { file, section, colorScheme } of PICTURES) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 800 } })
  await page.goto(pathToFileURL(REPORT).href)
  await page.evaluate(`document.getElementById('${section}').scrollIntoView()`)
  await page.waitForTimeout(500)
  await writeFile(
    file,
    await sharp(await page.screenshot())
      .webp({ quality: 82 })
      .toBuffer(),
  )
  console.log(file)
}
await browser.close()
