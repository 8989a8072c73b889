/** Bytes of the start of a file that say what it is. */
export const HEAD_BYTES = 512

/** What is taken for the weights of a network, and how each begins. */
const KINDS: readonly (readonly [what: string, begins: (text: string) => boolean])[] = [
  ['an empty file', (text) => text === ''],
  ['a Git LFS pointer (git lfs pull fetches the file)', (text) => text.startsWith('version https://')],
  [
    'a web page (downloaded without logging in, or past a question whether to go on?)',
    (text) => /^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head)/i.test(text),
  ],
  ['an XML file (of OpenVINO?)', (text) => /^(?:\xef\xbb\xbf)?\s*<\?xml/.test(text)],
  [
    'a tar archive (unpack it or, if PyTorch before 0.1.10 wrote it, load and save it with a newer one)',
    (text) => text.slice(257, 262) === 'ustar',
  ],
  ['a gzip file (gunzip unpacks it)', (text) => text.startsWith('\x1f\x8b')],
  ['a 7z or RAR archive (unpack it)', (text) => /^(?:7z\xbc\xaf|Rar!)/.test(text)],
  ['a NumPy file', (text) => text.startsWith('\x93NUMPY')],
  ['an HDF5 file (of Keras?)', (text) => text.startsWith('\x89HDF')],
  ['a TensorFlow Lite model', (text) => text.slice(4, 8) === 'TFL3'],
  ['a JSON file', (text) => /^\s*\{\s*"/.test(text)],
]

/**
 * What a file is that was taken for weights, as far as its beginning tells.
 *
 * @param head the first `HEAD_BYTES`
 */
export function recognizeFile(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(HEAD_BYTES, head.length)).toString('latin1')
  return KINDS.find(([, begins]) => begins(text))?.[0]
}
