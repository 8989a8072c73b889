import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandSketch } from '../../../packages/cli/src/completion.js'
import { ROOT } from './workspace.js'

const SOURCES = join(ROOT, 'packages/cli/src')

/** Those that have a folder in the sources of the program. */
export const commands: CommandSketch[] = await Promise.all(
  readdirSync(SOURCES)
    .map((folder) => join(SOURCES, folder, 'command.ts'))
    .filter((file) => existsSync(file))
    .map(async (file) => (await import(file)) as CommandSketch),
)

/** What is written as a flag is, in any spelling. */
export function wordsIn(text: string): string[] {
  return [...text.matchAll(/--[a-z][\w-]*/gi)].map(([word]) => word)
}

/** `--topK`, `--use_gpu` and `--no-cache` as they are in `flags`. */
export function flagOf(word: string, flags: CommandSketch['flags']): string {
  const name = word
    .slice(2)
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()
  return name in flags ? name : name.replace(/^no-/, '')
}
