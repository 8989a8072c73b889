import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { packagesIn, readText, ROOT } from './workspace.js'

const folders = [
  '.',
  'docs',
  ...[...packagesIn('packages'), ...packagesIn('tools')].map(({ folder }) => folder),
]
const documents = folders.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

/** What a link within a page may name: its titles, as GitHub spells them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

it.each(documents)('%s links to what is there', (document) => {
  const text = readText(document)
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  const broken = links.filter((link) => {
    if (/^https?:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? document : join(dirname(document), path)
    if (!existsSync(join(ROOT, target))) return true
    return anchor !== undefined && !anchorsOf(readText(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

it.each(documents)('%s names files that are there', (document) => {
  const names = [...readText(document).matchAll(/(?<![\w./-])(?:packages|tools|docs)\/[\w./-]+\w/g)].map(
    ([name]) => name,
  )
  expect(names.filter((name) => !existsSync(join(ROOT, name)))).toEqual([])
})
