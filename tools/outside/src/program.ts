import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildModel } from '@facekit/onnx'
import sharp from 'sharp'
import { install } from './library.js'
import type { Packed } from './pack.js'
import { run } from './run.js'

/** Installs a program from its tarball alone, as `npm install --global` does, and has pictures of two colours clustered. */
export async function tryProgram(folder: string, node: string, { name, tarball }: Packed): Promise<void> {
  await mkdir(join(folder, 'crops'), { recursive: true })
  await install(folder, '--global', `--prefix=${folder}`, tarball)
  const program = join(folder, 'bin', name)
  const facekit = (...args: string[]) => run(node, [program, ...args, '--quiet'], { cwd: folder })

  for (const [i, background] of ['#c02020', '#b82424', '#2030c0', '#2434b8'].entries()) {
    const picture = sharp({ create: { width: 112, height: 112, channels: 3, background } })
    await picture.png().toFile(join(folder, `crops/${i}.png`))
  }
  await writeFile(join(folder, 'colour.onnx'), meanColour())
  await facekit('extract', '--input', 'crops', '--weights', 'colour.onnx', '--output', 'embeddings')
  await facekit('cluster', '--input', 'embeddings', '--output', 'labels', '--no-remove-duplicates')
  const sizes = await readFile(join(folder, 'labels/clustering_result.txt'), 'utf8')
  if (!sizes.includes('Size 2: 2 group(s)'))
    throw new Error(`Expected two classes of two pictures but got ${sizes}`)
}

/** A model whose embedding is the mean colour. */
function meanColour(): Uint8Array {
  return buildModel({
    name: 'mean-colour',
    inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
    outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
    nodes: [
      {
        opType: 'ReduceMean',
        inputs: ['image'],
        outputs: ['embedding'],
        attributes: { axes: [2, 3], keepdims: 0 },
      },
    ],
    initializers: [],
  })
}
