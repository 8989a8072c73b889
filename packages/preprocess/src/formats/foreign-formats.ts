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
  { name: 'an icon', isIn: (bytes) => startsWith(bytes, '\0\0\x01\0') },
  { name: 'a PSD', isIn: (bytes) => startsWith(bytes, '8BPS') },
  { name: 'a PDF', isIn: (bytes) => startsWith(bytes, '%PDF') },
  { name: 'an SVG', isIn: isSvg },
]

/** What lies in the place of pictures that did not come, and why. */
const NO_PICTURES: readonly { reason: string; isIn(bytes: Buffer): boolean }[] = [
  {
    reason: 'a Git LFS pointer, not the picture itself: git lfs pull brings it',
    isIn: (bytes) => startsWith(bytes, 'version https://git-lfs.github.com/spec/'),
  },
  {
    reason: 'a web page, not a picture: the download went wrong',
    isIn: (bytes) => /^<(!doctype html|html)\b/i.test(startOf(bytes)),
  },
  {
    reason: 'nothing but zeros where a picture should begin: the file lost its content',
    isIn: (bytes) => bytes.every((byte) => byte === 0),
  },
]

/** Why a file of no format that is read is not decoded, in a short phrase for people. */
export function whyNotRead(bytes: Buffer): string {
  // Web pages may draw SVG.
  const noPicture = NO_PICTURES.find(({ isIn }) => isIn(bytes))
  if (noPicture) return noPicture.reason
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
  const text = startOf(bytes)
  return text.startsWith('<') && text.includes('<svg')
}

function startOf(bytes: Buffer): string {
  return bytes.toString('utf8', 0, 1000).trimStart()
}

/** Of the files that are made of boxes as MP4 is. */
function brandOf(bytes: Buffer): string {
  return bytes.toString('latin1', 4, 8) === 'ftyp' ? bytes.toString('latin1', 8, 12) : ''
}
