import { describe, expect, it } from 'vitest'
import { recognizeFile } from '../src/index.js'

describe('recognizeFile', () => {
  it.each<[string | undefined, string]>([
    ['an empty file', ''],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'],
    ['a web page', '\n<!DOCTYPE html><html>'],
    ['a web page', '\xef\xbb\xbf<html lang="en">'],
    ['an XML file', '<?xml version="1.0"?>\n<net>'],
    ['a tar archive', `${'weights.pth'.padEnd(257, '\0')}ustar\x0000`],
    ['a gzip file', '\x1f\x8b\x08\0'],
    ['a 7z or RAR archive', '7z\xbc\xaf\x27\x1c'],
    ['a 7z or RAR archive', 'Rar!\x1a\x07'],
    ['a NumPy file', '\x93NUMPY\x01\0'],
    ['an HDF5 file', '\x89HDF\r\n'],
    ['a TensorFlow Lite model', '\x1c\0\0\0TFL3'],
    ['a JSON file', '{\n  "metadata": {}'],
    [undefined, '\x08\x07\x12\x07pytorch'],
    [undefined, 'weights'],
  ])('tells %s', (what, head) => {
    const found = recognizeFile(Buffer.from(head, 'latin1'))
    if (what === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(new RegExp(`^${what}`))
  })
})
