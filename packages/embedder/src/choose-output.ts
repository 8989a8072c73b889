import { EmbedderError } from './errors.js'
import type { OutputInfo } from './session.js'

export interface OutputWish {
  outputName?: string | undefined
  embDim?: number | undefined
}

/** What exports call it, ours among them. */
const USUAL_NAME = 'embedding'

/** What becomes float32. */
const ELEMENT_TYPES = ['float32', 'float16', 'float64']

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
      ELEMENT_TYPES.includes(output.elementType) &&
      (outputName === undefined ? isVector(output) : output.name === outputName) &&
      (embDim === undefined || output.dim === embDim),
  )
  const chosen = usable.length > 1 ? usable.find(({ name }) => name === USUAL_NAME) : usable[0]
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
  return output.shape.slice(1).filter((size) => size !== 1).length <= 1
}

function list(outputs: readonly OutputInfo[]): string {
  return outputs
    .map(
      (output) => `${output.name} (${output.elementType} ${output.shape.join('×')}, dimension ${output.dim})`,
    )
    .join(', ')
}
