import { join } from 'node:path'
import { API, SymbolFlags, type Checker, type Symbol as Declared } from 'typescript/unstable/sync'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { packagesIn, ROOT } from './workspace.js'

const config = join(ROOT, 'tsconfig.json')
const api = new API({ cwd: ROOT })
afterAll(() => api.close())

let program: { checker: Checker; exportsOf: (index: string) => readonly Declared[] }
beforeAll(() => {
  const { checker, program: files } = api.updateSnapshot({ openProjects: [config] }).getProject(config)!
  program = {
    checker,
    exportsOf: (index) =>
      checker.getExportsOfModule(checker.getSymbolAtLocation(files.getSourceFile(index)!)!),
  }
}, 120_000)

it.each(packagesIn('packages').filter(({ hasBuild }) => hasBuild))(
  'whatever $name exports says what it is',
  ({ folder }) => {
    const { checker, exportsOf } = program
    const all = exportsOf(join(ROOT, folder, 'src/index.ts'))
    const silent = all.filter((exported) => {
      const isAlias = (exported.flags & SymbolFlags.Alias) !== 0
      return !checker.getDocumentationCommentOfSymbol(isAlias ? checker.getAliasedSymbol(exported) : exported)
    })
    expect(all).not.toHaveLength(0)
    expect(silent.map(({ name }) => name)).toEqual([])
  },
)
