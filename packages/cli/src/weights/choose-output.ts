import { FacekitError } from '@facekit/core'
import type { IresnetOutput, Network } from '@facekit/iresnet'

/**
 * The output of an iresnet that has the name or the length asked for; the embedding if neither is.
 *
 * @throws FacekitError `MODEL_OUTPUT`, listing what there is
 */
export function chooseIresnetOutput(
  { dim, features }: Pick<Network, 'dim' | 'features'>,
  { embDim, outputName }: { embDim?: number | undefined; outputName?: string | undefined },
  weights: string,
): IresnetOutput {
  const sizes = { embedding: dim, features, features_embedding: features + dim } as const
  const names = Object.keys(sizes) as IresnetOutput[]
  const chosen = names.find(
    (name) =>
      (outputName === undefined || name === outputName) && (embDim === undefined || sizes[name] === embDim),
  )
  if (chosen) return chosen
  const wished = [
    ...(outputName === undefined ? [] : [`named ${outputName}`]),
    ...(embDim === undefined ? [] : [`of dimension ${embDim}`]),
  ].join(' and ')
  throw new FacekitError(
    'MODEL_OUTPUT',
    `Expected an output ${wished} but ${weights} gives ${names.map((name) => `${name} (dimension ${sizes[name]})`).join(', ')}`,
  )
}
