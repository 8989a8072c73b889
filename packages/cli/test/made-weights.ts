import { writeFileSync } from 'node:fs'
import { randomWeights } from '@facekit/testing'
import { bytesOf, dict, tensor, torchZip } from '../../iresnet/test/torch-files.js'

/** Changes the numbers of a tensor. */
export type Change = (values: Float32Array) => Float32Array

/** Writes the weights of a small iresnet as torch.save does, some of its tensors changed, and a prefix before their names. */
export async function writeWeights(
  file: string,
  shape: Parameters<typeof randomWeights>[0] = {},
  changes: Readonly<Record<string, Change>> = {},
  prefix = '',
): Promise<void> {
  const tensors = [...randomWeights(shape).tensors].filter(([, { dtype }]) => dtype === 'float32')
  const unchanged: Change = (values) => values
  const read = await Promise.all(
    tensors.map(async ([name, found]) => {
      const values = (changes[name] ?? unchanged)(await found.read())
      return { name, shape: found.shape, values }
    }),
  )
  const declared = read.map(({ name, shape: axes, values }, i) => [
    prefix + name,
    tensor({ key: String(i), count: values.length, shape: axes }),
  ])
  const storages = read.map(({ values }, i) => [String(i), bytesOf(values)])
  writeFileSync(file, torchZip(dict(Object.fromEntries(declared)), Object.fromEntries(storages)))
}
