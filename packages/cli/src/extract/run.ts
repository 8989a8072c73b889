import { availableParallelism } from 'node:os'
import type { Writable } from 'node:stream'
import { OptionError, type Device, type EmbeddingBatch, type Part } from '@facekit/core'
import { chooseDevices, type DeviceWish } from '@facekit/devices'
import { DEVICE_BATCH, embed, type Embedder } from '@facekit/embedder'
import { checkInput, imageList, preprocess } from '@facekit/preprocess'
import { EXTRACT_DEFAULTS, withDefaults, type Filled } from '../defaults.js'
import { checkExtractOptions } from '../check-options.js'
import { flow, tap } from '../flow.js'
import { orStopped } from '../interruption.js'
import { grouped, Progress } from '../progress.js'
import { SILENT, type Talk } from '../talk.js'
import { openWeights } from '../weights/open-weights.js'
import type { WeightsOptions } from '../weights/options.js'
import { canBeReadAgain, countImages, expectImages } from './count-images.js'
import { describePassedOver } from './passed-over.js'
import { someEmbedded } from './some-embedded.js'
import { folderOutput } from './folder-output.js'
import { streamOutput, type ExtractOutput } from './output.js'
import { checkPartOptions, partOutput } from './part-output.js'
import { retryOutput } from './retry-output.js'
import { modelIdentity } from './run-identity.js'
import { runStart, sayPixels } from './run-start.js'

/** What `extract` is asked for. What has a default may be left out. */
export interface ExtractOptions extends WeightsOptions {
  /** A folder, a list of paths, or `-` for a list on stdin. */
  input: string
  /** The column of the list that holds the path, from 1; each line is a path if undefined. */
  listColumn?: number | undefined
  /** Folder for NPY files, or what an Arrow stream is written to. */
  output: string | Writable
  /** Images per forward pass; `auto` if left out. */
  batchSize?: number | 'auto' | undefined
  /** Images decoded at once; `auto`, one per core, if left out. */
  numWorkers?: number | 'auto' | undefined
  /** Whether there is one file set, or one for each `batchSize` rows; true if left out. */
  mergeEmbs?: boolean | undefined
  /** Rows of a merged set above which it is split into files of so many; 1,000,000 if left out. */
  splitThreshold?: number | undefined
  /** What to run on; `{ provider: 'auto' }` if left out. */
  device?: DeviceWish | undefined
  /** Whether to keep the model made of PyTorch weights for the next run; true if left out. */
  cache?: boolean | undefined
  /** Larger images count as failed. */
  maxPixels?: number | undefined
  /** Bytes that decoding may take, over all workers; an image that takes more is decoded alone. */
  decodeMemory?: number | undefined
  /** Whether to go on with an unfinished run in the output folder, or to drop it; refused if undefined. */
  resume?: boolean | undefined
  /** Whether to try again what failed in the run that made the output; the input is not read then. */
  retryFailed?: boolean | undefined
  /** Whether to add the embeddings to those that are in the output folder; those that are there are refused if undefined. */
  append?: boolean | undefined
  /** Whether to replace those that are in the output folder. */
  overwrite?: boolean | undefined
  /** Which part of the images is embedded; all if undefined. */
  part?: Part | undefined
  /** The words after the program's name, for `run.json`; none where a program calls. */
  command?: readonly string[] | undefined
}

/** With what was left out. */
export type FilledExtractOptions = Filled<ExtractOptions, typeof EXTRACT_DEFAULTS>

/** What `extract` did. */
export interface ExtractSummary {
  /** Images in the input. */
  images: number
  embedded: number
  failed: number
  dim: number
  normalized: boolean
  modelSha256: string
  /** Names of the files in the output folder; none for a stream. */
  files: string[]
  seconds: number
  imagesPerSecond: number
}

/**
 * Images per forward pass on a CPU. More are no faster: from 8 up the feature maps of a small model leave the caches,
 * and the first and the last batch, where decoding and inference do not overlap, get longer.
 */
const CPU_BATCH = 4

/**
 * Embeds images, into a folder or as an Arrow stream.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError; the reason of the signal
 */
export async function extract(
  given: ExtractOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<ExtractSummary> {
  const options = withDefaults(given, EXTRACT_DEFAULTS)
  checkExtractOptions(options)
  if (!options.retryFailed && !options.part) {
    await checkInput(options.input, options.listColumn)
    await expectImages(options.input, signal)
  }
  const { devices, reason } = await orStopped(chooseDevices(options.device), signal)
  // Before the model, which may take minutes: that another run has the folder is said at once.
  const target = await outputOf(options, talk, signal)
  const { input, listColumn } = target.read ?? options
  let embedder: Embedder | undefined
  let failure: unknown
  try {
    const deviceBatch = options.batchSize === 'auto' ? undefined : options.batchSize
    // What was read of a pipe to calibrate or compare would be lost to the work.
    const pictures = canBeReadAgain(input) ? { input, column: listColumn } : undefined
    embedder = await openWeights({ ...options, pictures, devices, deviceBatch, signal }, talk)
    return await run(options, embedder, devices, reason, target, talk, signal)
  } catch (error) {
    failure = error
    throw error
  } finally {
    await embedder?.close()
    await target.close(failure)
  }
}

async function run(
  options: FilledExtractOptions,
  embedder: Embedder,
  devices: readonly Device[],
  where: string,
  output: ExtractOutput,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ExtractSummary> {
  const batchSize = options.batchSize === 'auto' ? autoBatch(embedder, devices) : options.batchSize
  const { width, height, freeSize, dim, normalized } = embedder
  const size = `${width}×${height} pixels${freeSize && !options.size ? ' (the model leaves its size free: see --size)' : ''}`
  talk.info(
    `${options.weights}: ${size} to ${dim} numbers, ${sayPixels(embedder.pixels)}, ${where}, ${batchSize} images at once`,
  )

  const { input, listColumn } = options
  const identity = modelIdentity(options, embedder, devices, batchSize)
  const target = await output.begin(embedder, identity, runStart(options, embedder, devices, batchSize))
  const startMs = Date.now()
  const progress = new Progress('extract', 'images', target.resumed.images)
  let { failed } = target.resumed
  let passedOver = ''
  progress.total = target.total
  const stopCounting = target.source
    ? () => {}
    : countImages(input, listColumn, (total) => (progress.total = total))
  try {
    await flow(
      target.source ??
        imageList(input, {
          batchSize,
          column: listColumn,
          onLeftOut: (folder) => talk.warn(`Left out the previews of a clustering in ${folder}`),
          // Of a stream, all that failed is told.
          ...(typeof options.output === 'string' && { onUnlisted: ({ message }) => talk.warn(message) }),
          onPassedOver: (what) => (passedOver = describePassedOver(what)),
        }),
      [
        ...target.listStages,
        preprocess({
          width,
          height,
          workers: options.numWorkers === 'auto' ? availableParallelism() : options.numWorkers,
          maxPixels: options.maxPixels,
          decodeMemoryBytes: options.decodeMemory,
        }),
        embed(embedder),
        tap((batch: EmbeddingBatch) => {
          const ofBatch = batch.failed ?? []
          failed += ofBatch.length
          if (failed > 0) progress.note = `${grouped(failed)} failed`
          progress.count += batch.indices.length + ofBatch.length
          talk.progress(progress)
        }),
        someEmbedded(progress.count - failed, (count, reasons) =>
          talk.warn(`None of the first ${grouped(count)} images has an embedding: ${reasons}`),
        ),
        ...target.stages,
      ],
      target.sink,
      signal,
      () => target.isCommitted(),
    )
  } finally {
    stopCounting()
  }
  const files = await target.finish()
  const seconds = (Date.now() - startMs) / 1000
  progress.finish()
  talk.progress(progress)
  if (passedOver) talk.info(`Passed over ${passedOver}`)
  const embedded = progress.count - failed
  return {
    images: progress.count,
    embedded,
    failed,
    dim,
    normalized,
    modelSha256: embedder.modelHash,
    files,
    seconds,
    imagesPerSecond: (embedded - (target.resumed.images - target.resumed.failed)) / seconds,
  }
}

async function outputOf(
  options: FilledExtractOptions,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ExtractOutput> {
  const { output, resume, retryFailed, append, overwrite, part } = options
  if (part) {
    checkPartOptions(output, options)
    return partOutput(output, part, options, talk, signal)
  }
  if (!retryFailed)
    return typeof output === 'string'
      ? folderOutput(output, options, talk, signal)
      : streamOutput(output, options, talk)
  if (typeof output !== 'string')
    throw new OptionError('Expected --output for --retry-failed: the folder of an earlier extract')
  // What it does is not recorded: it is little beside what was done before.
  if (resume) throw new OptionError('Expected --retry-failed or --resume, not both')
  if (append || overwrite)
    throw new OptionError(`Expected --retry-failed or --${append ? 'append' : 'overwrite'}, not both`)
  return retryOutput(output, options, talk)
}

/** A model of fixed batch size runs whole batches only. */
function autoBatch({ fixedBatch }: Embedder, devices: readonly Device[]): number {
  const wanted = devices.some(({ provider }) => provider !== 'cpu') ? DEVICE_BATCH : CPU_BATCH
  return fixedBatch === undefined ? wanted : fixedBatch * Math.ceil(wanted / fixedBatch)
}
