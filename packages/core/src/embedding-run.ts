import { wrongField, type FieldKind } from './checked-fields.js'
import { identityDifferences, type RunIdentity } from './output/run-record.js'

/** What makes embeddings of pictures. Those of two models, or of one that is used in two ways, do not compare. */
export interface EmbeddingModel {
  /** The file that was given, absolute. */
  weights: string
  /** Of the ONNX model, hexadecimal: of PyTorch weights, the one that they were turned into. */
  sha256: string
  /** The output that was asked for; null where none was. */
  outputName: string | null
  /** Length of an embedding. */
  dim: number
  /** Whether embeddings are L2-normalised. */
  normalized: boolean
  /** What was asked for; null where nothing was. */
  precision: string | null
  /** Subtracted from each of the three channels, 0–255, in the order of `channels`; null where the model has it inside. */
  mean: readonly number[] | null
  /** What each is divided by then; null where the model has it inside. */
  std: readonly number[] | null
  /** `rgb` or `bgr`. */
  channels: string
  /** Of the pictures, in pixels. */
  width: number
  height: number
}

/** One run that made embeddings. */
export interface EmbeddingRun {
  /** Version of facekit. */
  facekit: string
  /** The words of the command line after the program's name; none where a program called. */
  command: readonly string[]
  /** Working directory: what relative paths, also those of the images, are meant from. */
  folder: string
  /** When it began, or was last gone on with, ISO 8601. */
  startedAt: string
  /** Of work, over all times that it was gone on with. */
  seconds: number
  /** Folder of images or list, absolute; `-` for a list on stdin. */
  input: string
  /** The column of the list, from 1; null for lines that are paths. */
  listColumn: number | null
  /** Stands for the images of the input and their order. */
  list: string
  /** In the input: indices of the next run go on after them. */
  images: number
  /** Of these, with an embedding. */
  embedded: number
  failed: number
  /** Larger images count as failed; null where nothing was said. */
  maxPixels: number | null
  /** `cpu`, `cuda` or `webgpu`. */
  provider: string
  /** Images per forward pass. */
  batchSize: number
  model: EmbeddingModel
}

const MODEL_FIELDS: Readonly<Record<keyof EmbeddingModel, FieldKind>> = {
  weights: 'string',
  sha256: 'string',
  outputName: 'string or null',
  dim: 'count',
  normalized: 'boolean',
  precision: 'string or null',
  mean: 'numbers or null',
  std: 'numbers or null',
  channels: 'string',
  width: 'count',
  height: 'count',
}

const RUN_FIELDS: Readonly<Record<keyof EmbeddingRun, FieldKind>> = {
  facekit: 'string',
  command: 'strings',
  folder: 'string',
  startedAt: 'string',
  seconds: 'number',
  input: 'string',
  listColumn: 'count or null',
  list: 'string',
  images: 'count',
  embedded: 'count',
  failed: 'count',
  maxPixels: 'count or null',
  provider: 'string',
  batchSize: 'count',
  model: 'object',
}

/** @throws Error that says which field is wrong */
export function parseEmbeddingRun(value: unknown): EmbeddingRun {
  const run = Object(value) as Record<string, unknown>
  const wrong = wrongField(RUN_FIELDS, run)
  if (wrong) throw new Error(wrong)
  const { images, embedded, failed, model } = run
  parseEmbeddingModel(model)
  if (Number(embedded) + Number(failed) !== images)
    throw new Error(
      `of ${String(images)} images ${String(embedded)} are embedded and ${String(failed)} failed`,
    )
  // Every field was looked at.
  return run as unknown as EmbeddingRun
}

/**
 * Checks what was read from JSON.
 *
 * @throws Error that says which field is wrong
 */
export function parseEmbeddingModel(value: unknown): EmbeddingModel {
  const model = Object(value) as Record<string, unknown>
  const wrong = wrongField(MODEL_FIELDS, model)
  if (wrong) throw new Error(`model: ${wrong}`)
  // Every field was looked at.
  return model as unknown as EmbeddingModel
}

/** Why the embeddings of two runs do not belong into one set, each reason in a phrase for people; none where they do. */
export function modelDifferences(
  before: EmbeddingRun,
  now: EmbeddingRun | Pick<EmbeddingRun, 'model' | 'maxPixels'>,
): string[] {
  return identityDifferences(identityOf(before), identityOf(now))
}

/** Another provider or batch size changes no more than last digits. */
function identityOf({ model, maxPixels }: Pick<EmbeddingRun, 'model' | 'maxPixels'>): RunIdentity {
  const { sha256, outputName, dim, normalized, precision, mean, std, channels, width, height } = model
  return {
    'the model': sha256,
    '--emb-dim': dim,
    '--use-l2-norm': normalized,
    ...(outputName !== null && { '--output-name': outputName }),
    ...(precision !== null && { '--precision': precision }),
    '--pixel-mean': mean?.join(',') ?? 'inside the model',
    '--pixel-std': std?.join(',') ?? 'inside the model',
    '--channels': channels,
    '--size': `${width}x${height}`,
    ...(maxPixels !== null && { '--max-pixels': maxPixels }),
  }
}
