import { parse } from 'node:path'

/** File systems take 255 bytes; this leaves room for what stands before and the extension. */
const MAX_STEM_BYTES = 200

/**
 * The name of a preview: its place and which it is, by which names sort and differ, and the image's own, as `.jpg`:
 * `01_typical_eva.jpg`, `10_atypical_eva.jpg`.
 *
 * @param place among those of its class, from 0, the most typical first
 * @param of how many
 */
export function previewName(path: string, place: number, of: number): string {
  const which = place < of / 2 ? 'typical' : 'atypical'
  return `${String(place + 1).padStart(2, '0')}_${which}_${shorten(parse(path).name) || 'image'}.jpg`
}

function shorten(stem: string): string {
  const characters = [...stem]
  while (Buffer.byteLength(characters.join('')) > MAX_STEM_BYTES) characters.pop()
  return characters.join('')
}
