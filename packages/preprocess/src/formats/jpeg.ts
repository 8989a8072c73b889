import type { PictureFormat, PictureHeader } from './format.js'

export const JPEG: PictureFormat = {
  name: 'JPEG',
  isIn: (bytes) => bytes.length >= 3 && bytes.readUIntBE(0, 3) === 0xffd8ff,
  readHeader,
  isWhole,
  toInput,
}

const END_OF_IMAGE = 0xd9
const START_OF_SCAN = 0xda
/** Sequential ones, by Huffman or arithmetic coding: all others come in several scans over the picture. */
const SEQUENTIAL_FRAMES = [0xc0, 0xc1, 0xc9]
const BLOCK_SIDE = 8
const BYTES_PER_COEFFICIENT = 2

/** Encoders make a dozen. Each goes over the whole picture, however few bytes it has, and nothing stops libjpeg. */
const MAX_SCANS = 100

interface Frame {
  width: number
  height: number
  components: number
  coefficientBytes: number
  sequential: boolean
}

function readHeader(bytes: Buffer): PictureHeader | undefined {
  let frame: Frame | undefined
  for (const { marker, at } of segments(bytes)) {
    if (isFrame(marker)) frame = readFrame(bytes, at, SEQUENTIAL_FRAMES.includes(marker))
    if (marker !== START_OF_SCAN) continue
    if (!frame) return undefined
    const { width, height, components, coefficientBytes, sequential } = frame
    // What comes in several scans can only be decoded when all coefficients are there.
    const inOneScan = sequential && bytes[at] === components
    const wholeBytes = inOneScan ? 0 : coefficientBytes
    return { width, height, pixelBytes: components, wholeBytes, shrinksOnLoad: true }
  }
  return undefined
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
}

/** @returns undefined for what no decoder takes */
function readFrame(bytes: Buffer, at: number, sequential: boolean): Frame | undefined {
  const components = bytes[at + 5] ?? 0
  if (components === 0 || at + 6 + 3 * components > bytes.length) return undefined
  const height = bytes.readUInt16BE(at + 1)
  const width = bytes.readUInt16BE(at + 3)
  const sampling = Array.from({ length: components }, (_, i) => {
    const both = bytes[at + 7 + 3 * i]!
    return { across: both >> 4, down: both & 15 }
  })
  if (sampling.some(({ across, down }) => across === 0 || down === 0)) return undefined
  const unitsAcross = Math.ceil(width / (BLOCK_SIDE * Math.max(...sampling.map(({ across }) => across))))
  const unitsDown = Math.ceil(height / (BLOCK_SIDE * Math.max(...sampling.map(({ down }) => down))))
  const blocks = sampling.reduce((sum, { across, down }) => sum + across * unitsAcross * down * unitsDown, 0)
  const coefficientBytes = blocks * BLOCK_SIDE ** 2 * BYTES_PER_COEFFICIENT
  return { width, height, components, coefficientBytes, sequential }
}

function isWhole(bytes: Buffer): boolean {
  // From the scan on, since a thumbnail in the header has an end of its own.
  for (const { marker, at } of segments(bytes)) {
    if (marker === START_OF_SCAN) return bytes.includes(Buffer.from([0xff, END_OF_IMAGE]), at)
  }
  return false
}

function toInput(bytes: Buffer): Buffer {
  if (readHeader(bytes)?.wholeBytes && countScans(bytes) > MAX_SCANS)
    throw new Error(`a JPEG of more than ${MAX_SCANS} scans`)
  return bytes
}

function countScans(bytes: Buffer): number {
  const start = Buffer.from([0xff, START_OF_SCAN])
  let count = 0
  for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + start.length)) count++
  return count
}

/** The segments of the header, up to and with the first scan's; `at` is the first byte after the length. */
function* segments(bytes: Buffer): Generator<{ marker: number; at: number }> {
  let at = 2
  for (;;) {
    // libjpeg goes on to the next marker, whatever lies between; a marker may be filled up with 0xff.
    at = bytes.indexOf(0xff, at)
    if (at < 0) return
    while (bytes[at] === 0xff) at++
    const marker = bytes[at++]
    if (marker === undefined || marker === END_OF_IMAGE) return
    if (standsAlone(marker)) continue
    if (at + 2 > bytes.length) return
    yield { marker, at: at + 2 }
    if (marker === START_OF_SCAN) return
    at += bytes.readUInt16BE(at)
  }
}

/** Restart markers, and 0xff as data. */
function standsAlone(marker: number): boolean {
  return marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd7)
}
