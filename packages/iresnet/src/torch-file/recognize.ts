/** Bytes of the start of a file that say what it is. */
export const HEAD_BYTES = 512

/** What is taken for PyTorch files, and how each begins. */
const OTHERS: readonly (readonly [what: string, begins: (head: Buffer, text: string) => boolean])[] = [
  ['is empty', (head) => head.length === 0],
  [
    'is a Git LFS pointer instead of the file; fix: git lfs pull',
    (_, text) => text.startsWith('version https://git-lfs'),
  ],
  [
    'is a web page: was it downloaded without logging in?',
    (_, text) => /^\s*<(?:!doctype|html|\?xml)/i.test(text),
  ],
  // A length of 8 bytes, then JSON.
  ['is a safetensors file', (_, text) => /^[^]{3}\0{5}\{"/.test(text)],
  // A version (field 1), then the name of what wrote it (field 2) or the graph (field 7).
  [
    'is an ONNX model, which needs no conversion',
    (head) => head[0] === 0x08 && head[1]! < 0x20 && (head[2] === 0x12 || head[2] === 0x3a),
  ],
  [
    'is in the tar format of PyTorch before 0.1.10; fix: load and save it with a newer PyTorch',
    (_, text) => text.slice(257, 262) === 'ustar',
  ],
  ['is gzipped; fix: gunzip it', (_, text) => text.startsWith('\x1f\x8b')],
  ['is a NumPy file', (_, text) => text.startsWith('\x93NUMPY')],
  ['is an HDF5 file', (_, text) => text.startsWith('\x89HDF')],
]

export function isZip(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'PK\x03\x04'
}

/** What a file is instead of a PyTorch file; `undefined` where that cannot be told. */
export function recognizeOther(head: Buffer): string | undefined {
  const text = head.toString('latin1')
  return OTHERS.find(([, begins]) => begins(head, text))?.[0]
}
