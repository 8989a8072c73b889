import { parse } from 'node:path'

/** File systems take 255 bytes; this leaves room for a number and the extension. */
const MAX_STEM_BYTES = 200

/**
 * Names for the previews of one class: each image's own, as `.jpg`, with a number where two would be the same, also to
 * a file system that does not tell letter cases apart.
 */
export function previewNames(paths: readonly string[]): string[] {
  const taken = new Set<string>()
  return paths.map((path) => {
    const stem = shorten(parse(path).name) || 'image'
    let name = `${stem}.jpg`
    for (let number = 2; taken.has(fold(name)); number++) name = `${stem}_${number}.jpg`
    taken.add(fold(name))
    return name
  })
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

function shorten(stem: string): string {
  const characters = [...stem]
  while (Buffer.byteLength(characters.join('')) > MAX_STEM_BYTES) characters.pop()
  return characters.join('')
}
