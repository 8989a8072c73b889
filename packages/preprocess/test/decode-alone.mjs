// Runs the built stage over a list of pictures, in a process of its own, whose memory is looked at.
import { imageList, preprocess } from '@facekit/preprocess'

const [list = '', options = ''] = process.argv.slice(2)
/** @type {{ index: number, reason: string }[]} */
const failures = []
let decoded = 0
const stage = preprocess({ width: 112, height: 112, workers: 4, ...JSON.parse(options) })
for await (const { indices, pixels, failed } of imageList(list, { batchSize: 16 }).pipe(stage)) {
  if (pixels.length !== indices.length * 112 * 112 * 3) throw new Error(`${pixels.length} bytes of pixels`)
  decoded += indices.length
  for (const { index, reason } of failed) failures.push({ index, reason })
}
const peakBytes = process.resourceUsage().maxRSS * 1024
process.stdout.write(JSON.stringify({ decoded, failures, peakBytes }))
