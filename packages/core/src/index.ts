export type {
  Clustering,
  EdgeBatch,
  EmbeddingBatch,
  EmbeddingReader,
  FailedImage,
  ImageBatch,
  PathBatch,
  RowFile,
} from './batches.js'
export { MAX_ROWS, NO_CLASS, NOT_A_DUPLICATE } from './batches.js'
export type { ByteInput } from './byte-reader.js'
export { ByteReader } from './byte-reader.js'
export { CompensatedSum } from './compensated-sum.js'
export { Numbering } from './numbering.js'
export type { LabelArrayWriter, LabelRecord } from './label-arrays.js'
export { FacekitError, OptionError } from './errors.js'
export type { ErrorClass } from './errors.js'
export { serve, startHere, startThread, threadFile } from './thread.js'
export type { ServiceContext, ServiceFactory, Thread, ThreadOptions } from './thread.js'
export { checkCosine, checkOneOf, checkPositiveInteger, checkRows } from './options.js'
export { readWhole, ScratchFile } from './scratch-file.js'
export { filesMadeIn, PendingFiles, readSettled, removeOutput, settleOutput } from './output/pending-files.js'
export type { Committed } from './output/commit.js'
export type { Leftover, PendingOptions } from './output/pending-files.js'
export type { Checkpoints } from './output/checkpoints.js'
export { NO_CHECKPOINTS } from './output/checkpoints.js'
export type { RunIdentity } from './output/run-record.js'
export { identityDifferences, runDamaged, runDiffers } from './output/run-record.js'
export { checkMark, hashFile, isFileMark, MarkedFile } from './output/marked-file.js'
export type { FileMark } from './output/marked-file.js'
export type { Part } from './output/part.js'
export { MOST_PARTS, nameOfPart, sayPart } from './output/part.js'
export { partsIn } from './output/place.js'
export type { PartFailure, PartState } from './output/part-states.js'
export { forgetPartFailure, isWorkedOn, notePartFailure, partStates } from './output/part-states.js'
export type { PartFile, Receipt } from './output/receipts.js'
export {
  checkPartFits,
  checkPartsAgree,
  finishedPart,
  formatReceipt,
  identityIn,
  partDamaged,
  partOther,
  readAllParts,
  readReceipt,
  readReceipts,
  receiptName,
} from './output/receipts.js'
export { sync } from './output/synced.js'
export { OneFile, writeAtomically } from './output/write-atomically.js'
export type { PendingFile } from './output/write-atomically.js'
export { foldersOfResults } from './output/folders-of-results.js'
export type { OutputKind } from './output/output-kinds.js'
export type { LabelRun } from './label-run.js'
export type { FieldKind } from './checked-fields.js'
export { wrongField } from './checked-fields.js'
export type { EmbeddingModel, EmbeddingRun } from './embedding-run.js'
export { modelDifferences, parseEmbeddingModel } from './embedding-run.js'
export type { EmbeddingRuns } from './embedding-runs.js'
export { EMBEDDING_RUNS_NAME, formatEmbeddingRuns, readEmbeddingRuns } from './embedding-runs.js'
export { printable } from './printable.js'
export { sample, sampleClasses } from './sample.js'
export { seededRandom } from './seeded-random.js'
export { add, dot, readRows, readVectors, toUnit } from './vectors.js'
export { distinctDevices, isSameDevice } from './device.js'
export type { Device, Provider } from './device.js'
export { pixelNormalization } from './pixel-format.js'
export type { PixelFormat } from './pixel-format.js'
export { batchSource } from './batch-source.js'
export type { BatchesOf } from './iterate.js'
export { iterate } from './iterate.js'
export type { SinkOf, SourceOf, StageOf } from './streams.js'
export type { BatchWriter } from './writer-stream.js'
export { WriterStream } from './writer-stream.js'
export { mapBatches } from './map-batches.js'
export type { MapBatchesOptions } from './map-batches.js'
export { HEAD_BYTES, recognizeFile } from './recognize-file.js'
