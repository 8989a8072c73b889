import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, it, onTestFinished } from 'vitest'
import { ImageError, thumbnail } from '../src/index.js'

it('a thumbnail is a small WebP of the whole picture, or says why there is none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'facekit-thumbnail-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.png')
  await sharp({ create: { width: 500, height: 300, channels: 3, background: '#c02020' } }).toFile(path)
  const bytes = await thumbnail(path, { width: 96, height: 96 })
  const { format, width, height } = await sharp(bytes).metadata()
  expect([format, width, height]).toEqual(['webp', 96, 96])
  const { dominant } = await sharp(bytes).stats()
  expect(dominant.r).toBeGreaterThan(150)
  expect(bytes.length).toBeLessThan(1000)

  await writeFile(path, 'no picture')
  await expect(thumbnail(path, { width: 96, height: 96 })).rejects.toThrow(ImageError)
  await expect(thumbnail(join(folder, 'b.png'), { width: 96, height: 96 })).rejects.toThrow('no such file')
})
