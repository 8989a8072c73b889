import { execFileSync } from 'node:child_process'
import { rounds, seededRandom } from '@facekit/testing'
import { expect, it } from 'vitest'
import { shellWord } from '../src/submit/quote.js'

const CHARACTERS = [...'ab1 -=~/%\\\'"`$(){}[]<>|&;*?!#\n\r\t\x01\x7f\u0085é語😀']

it('hands any word to a program as it is, in a line of a script', () => {
  const random = seededRandom(7)
  const word = () => {
    const length = 1 + Math.floor(random() * 8)
    return Array.from({ length }, () => CHARACTERS[Math.floor(random() * CHARACTERS.length)]).join('')
  }
  const words = Array.from({ length: rounds(500, 20_000) }, word)
  const quoted = words.map(shellWord)
  for (const text of quoted) expect(text).not.toMatch(/\p{Control}/u)
  const script = `words=(\n${quoted.join('\n')}\n)\nprintf '%s\\0' "\${words[@]}"`
  const printed = execFileSync('bash', { input: script, encoding: 'utf8' })
  expect(printed.split('\0').slice(0, -1)).toEqual(words)
})

it('leaves plain words as they are', () => {
  expect(['--use-l2-norm', '/data/faces.txt', '--pixel-mean=1,2,3'].map(shellWord)).toEqual([
    '--use-l2-norm',
    '/data/faces.txt',
    '--pixel-mean=1,2,3',
  ])
})
