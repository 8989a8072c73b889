interface Format {
  name: string
  isIn(bytes: Buffer): boolean
  /** Whether the file goes on to where its picture ends. */
  isWhole(bytes: Buffer): boolean
}

const FORMATS: readonly Format[] = [
  {
    name: 'JPEG',
    isIn: (bytes) => bytes.length >= 2 && bytes.readUInt16BE(0) === 0xffd8,
    isWhole: isWholeJpeg,
  },
  {
    name: 'PNG',
    isIn: (bytes) => bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n',
    isWhole: (bytes) => bytes.includes('IEND'),
  },
  {
    name: 'WebP',
    isIn: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
    isWhole: (bytes) => bytes.length >= 8 + bytes.readUInt32LE(4),
  },
]

/**
 * Why libvips could not decode a picture, in a short phrase for people, read off its bytes. libvips' own words are no
 * help: all its threads share one buffer of messages, so that they may be missing, or about another picture.
 */
export function whyUndecodable(bytes: Buffer): string {
  const format = FORMATS.find(({ isIn }) => isIn(bytes))
  if (format && !format.isWhole(bytes)) return `cut off: the ${format.name} ends before its last row`
  return `a ${format?.name ?? 'picture'} that is damaged or of a kind that cannot be read`
}

const START_OF_SCAN = 0xda
const END_OF_IMAGE = Buffer.from([0xff, 0xd9])

/** The header is walked through, since a thumbnail in it has an end of its own. */
function isWholeJpeg(bytes: Buffer): boolean {
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1]
    if (marker === START_OF_SCAN) return bytes.includes(END_OF_IMAGE, at)
    at += 2 + bytes.readUInt16BE(at + 2)
  }
  return false
}
