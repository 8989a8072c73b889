import { expect, it } from 'vitest'
import { commands, flagOf, wordsIn } from './commands.js'
import { packagesIn, readManifest, readText } from './workspace.js'

const changelog = readText('CHANGELOG.md')
const words = wordsIn(changelog)

it('the changelog begins with what is not released, or with the version of the packages', () => {
  const titles = [...changelog.matchAll(/^## (.*)/gm)].map(([, title]) => title)
  const released = titles[0] === 'Unreleased' ? titles.slice(1) : titles
  expect(released[0], 'CHANGELOG.md: a section "## version" follows "## Unreleased"').toBe(
    readManifest('packages/core').version,
  )
})

it('the changelog names all packages and commands', () => {
  const names = [...packagesIn('packages'), ...commands].map(({ name }) => name)
  const missing = names.filter((name) => !RegExp(`\`(facekit )?${name}\\b`).test(changelog))
  expect(missing, 'CHANGELOG.md: a line under "## Unreleased" for each that is new').toEqual([])
})

it.each(commands)('the changelog names all flags of $name', ({ flags }) => {
  const said = new Set(words.map((word) => flagOf(word, flags)))
  const missing = Object.keys(flags).filter((flag) => !said.has(flag))
  expect(missing, 'CHANGELOG.md: a line under "## Unreleased" for each that is new').toEqual([])
})
