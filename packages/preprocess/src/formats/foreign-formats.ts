interface ForeignFormat {
  name: string
  isIn(bytes: Buffer): boolean
}

/** Formats that pictures come in and that are not read, although sharp would decode some: it takes minutes over an SVG. */
const FOREIGN_FORMATS: readonly ForeignFormat[] = [
  { name: 'a GIF', isIn: (bytes) => startsWith(bytes, 'GIF8') },
  {
    name: 'a TIFF',
    isIn: (bytes) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((mark) => startsWith(bytes, mark)),
  },
  { name: 'an AVIF', isIn: (bytes) => /^avi[fs]$/.test(brandOf(bytes)) },
  { name: 'a HEIC', isIn: (bytes) => /^(hei[cmsx]|hev[cmsx]|mif1|msf1)$/.test(brandOf(bytes)) },
  {
    name: 'a JPEG XL',
    isIn: (bytes) => startsWith(bytes, '\xff\x0a') || startsWith(bytes, '\0\0\0\x0cJXL '),
  },
  {
    name: 'a JPEG 2000',
    isIn: (bytes) => startsWith(bytes, '\xff\x4f\xff\x51') || startsWith(bytes, '\0\0\0\x0cjP  '),
  },
  { name: 'a PDF', isIn: (bytes) => startsWith(bytes, '%PDF') },
  { name: 'an SVG', isIn: isSvg },
]

/** Why a file of no format that is read is not decoded, in a short phrase for people. */
export function whyNotRead(bytes: Buffer): string {
  const format = FOREIGN_FORMATS.find(({ isIn }) => isIn(bytes))
  return format
    ? `${format.name}, which is not read: JPEG, PNG, WebP and BMP are`
    : 'not an image, or of a format that cannot be read'
}

function startsWith(bytes: Buffer, mark: string): boolean {
  return bytes.toString('latin1', 0, mark.length) === mark
}

/** A text that begins with a tag, with that of an SVG not far off. */
function isSvg(bytes: Buffer): boolean {
  const text = bytes.toString('utf8', 0, 1000).trimStart()
  return text.startsWith('<') && text.includes('<svg')
}

/** Of the files that are made of boxes as MP4 is. */
function brandOf(bytes: Buffer): string {
  return bytes.toString('latin1', 4, 8) === 'ftyp' ? bytes.toString('latin1', 8, 12) : ''
}
