import { checkCosine, checkOneOf, checkPositiveInteger, OptionError } from '@facekit/core'
import type { FilledExtractOptions } from './extract/run.js'
import type { LabelWish } from './label/label-edges.js'
import { METHODS } from './label/method-names.js'

// What flags have checked already, and a program that calls has not.

/** @throws OptionError */
export function checkLabelOptions({ method, clusterThresh, duplicateThresh, saveGroups }: LabelWish): void {
  if (method !== undefined) checkOneOf('method', method, METHODS)
  if (clusterThresh !== undefined && clusterThresh !== 'auto') checkCosine('clusterThresh', clusterThresh)
  if (duplicateThresh !== undefined) checkCosine('duplicateThresh', duplicateThresh)
  if (saveGroups !== undefined && (!Number.isSafeInteger(saveGroups) || saveGroups < 0))
    throw new OptionError(`Expected a number of classes from 0 on for saveGroups but received ${saveGroups}`)
}

/** @throws OptionError */
export function checkExtractOptions({
  output,
  batchSize,
  numWorkers,
  splitThreshold,
}: FilledExtractOptions): void {
  // Types say so, and JavaScript does not.
  if ((output as unknown) === undefined)
    throw new OptionError('Expected output: a folder, or a stream to write to')
  if (batchSize !== 'auto') checkPositiveInteger('batchSize', batchSize)
  if (numWorkers !== 'auto') checkPositiveInteger('numWorkers', numWorkers)
  checkPositiveInteger('splitThreshold', splitThreshold)
}
