import type { Counts, PassedOver } from '@facekit/preprocess'
import { grouped } from '../progress.js'

const NAMED_KINDS = 8

/** Pictures that are not read, named before all else: whoever has them misses them. */
const PICTURES: ReadonlySet<string> = new Set(
  '.heic .heif .avif .gif .tif .tiff .jp2 .jxl .dng .cr2 .nef .arw'.split(' '),
)

/** What of an input was passed over: `312 files (300 .txt, 12 .heic), 4 folders (4 @eaDir)`; empty where nothing was. */
export function describePassedOver({ files, folders, lines }: PassedOver): string {
  return [describe('file', files), describe('folder', folders), describe('line', lines)]
    .filter((part) => part !== '')
    .join(', ')
}

function describe(what: string, { total, kinds }: Counts): string {
  if (total === 0) return ''
  const isPicture = ({ kind }: { kind: string }) => PICTURES.has(kind)
  const inOrder = [...kinds.filter(isPicture), ...kinds.filter((kind) => !isPicture(kind))]
  const named = inOrder.slice(0, NAMED_KINDS)
  const others = named.reduce((rest, { count }) => rest - count, total)
  const parts = named.map(({ kind, count }) => `${grouped(count)} ${kind}`)
  if (others > 0) parts.push(`${grouped(others)} of other kinds`)
  return `${grouped(total)} ${what}${total === 1 ? '' : 's'} (${parts.join(', ')})`
}
