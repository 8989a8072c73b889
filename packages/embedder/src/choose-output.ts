import { EmbedderError } from './errors.js'
import type { OutputInfo } from './output-info.js'
import { FLOAT_TYPES } from './probe.js'

export interface OutputWish {
  outputName?: string | undefined
  embDim?: number | undefined
}

/** What exports call it, ours among them. */
const USUAL_NAME = 'embedding'

/**
 * A row that differs by more of its length does not hold the embedding of its image. Rounding changes thousandths, and
 * the scale of numbers quantised at run time, which depends on the batch, tenths.
 */
const MAX_MIXING = 0.5

/**
 * The output that holds the embedding: the one named, else the only one of the dimension asked for, else the only one
 * that is a vector per image, else the one of these that is called `embedding`.
 *
 * @throws EmbedderError `MODEL_OUTPUT`, listing the outputs that there are
 */
export function chooseOutput(outputs: readonly OutputInfo[], wish: OutputWish, file: string): OutputInfo {
  const { outputName, embDim } = wish
  const usable = outputs.filter(
    (output) =>
      FLOAT_TYPES.includes(output.elementType) &&
      (outputName === undefined ? isVector(output) : output.name === outputName) &&
      (embDim === undefined || output.dim === embDim),
  )
  const chosen = usable.length > 1 ? usable.find(({ name }) => name === USUAL_NAME) : usable[0]
  if (chosen && chosen.mixing > MAX_MIXING) {
    throw new EmbedderError(
      'MODEL_OUTPUT',
      `Expected a row for each image in the output ${chosen.name} of ${file} but rows are not images: that of one changes with the others in its batch. Export the model with an output of batch × dimension (one of dimension × batch is transposed), in evaluation mode (model.eval() in PyTorch).`,
    )
  }
  if (chosen) return chosen
  const wished = [
    outputName === undefined
      ? 'an output that is one vector of floats per image'
      : `an output of floats named ${outputName}`,
    ...(embDim === undefined ? [] : [`of dimension ${embDim}`]),
  ].join(' ')
  const ambiguous = usable.length > 1 ? ` Choose one by its name (--output-name).` : ''
  throw new EmbedderError(
    'MODEL_OUTPUT',
    `Expected ${wished} but ${file} gives ${list(outputs)}.${ambiguous}`,
  )
}

/** One row of numbers per image, with axes of size 1 that some exports leave behind. */
function isVector(output: OutputInfo): boolean {
  return output.shape.filter((size) => size !== 1).length <= 1
}

function list(outputs: readonly OutputInfo[]): string {
  return outputs
    .map(
      ({ name, elementType, shape, dim }) =>
        `${name} (${elementType} ${['N', ...shape].join('×')}, dimension ${dim})`,
    )
    .join(', ')
}
