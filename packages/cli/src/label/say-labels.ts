import type { LabelSummary } from '@facekit/labels'
import { grouped } from '../progress.js'
import type { Talk } from '../talk.js'
import type { ChosenMethod } from './method.js'

export interface SaidLabels extends LabelSummary, ChosenMethod {
  images: number
  dryRun: boolean
  seconds: number
}

/** What labels came to, at the end of a command. */
export function sayLabels(summary: SaidLabels, output: string, talk: Talk): void {
  const { images, classes, singletons, labelled, duplicates, dryRun, seconds } = summary
  const where = dryRun ? `no labels written to ${output}` : `see ${output}`
  talk.info(
    `${grouped(images)} images: ${grouped(classes)} classes (${grouped(singletons)} singletons) of ${grouped(labelled)} images, ${grouped(duplicates)} duplicates removed, in ${seconds.toFixed(1)} s: ${where}`,
  )
  sayLargest(summary, output, talk)
}

function sayLargest({ largest, method }: SaidLabels, output: string, talk: Talk): void {
  if (!largest || largest.images < 2) return
  const { class: name, images, share, cohesion, strangers, isChain } = largest
  talk.info(
    `The largest class, ${name}, has ${grouped(images)} images, ${percent(share)} of those in classes; two of its images have a cosine of ${cohesion.toFixed(2)} on average`,
  )
  if (!isChain) return
  const higher = `a higher --cluster_thresh (facekit thresholds shows where classes run together)`
  const instead = method === 'components' ? `${higher}, or --method communities` : higher
  talk.warn(
    `${name} looks like several persons who chain: ${percent(strangers)} of its pairs are as unlike as strangers. Take ${instead}; facekit report ${output} shows it`,
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
