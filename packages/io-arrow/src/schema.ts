import { Field, FixedSizeList, Float32, Schema, Uint32, Utf8 } from 'apache-arrow'

/** What a stream says of all its embeddings, in the metadata of its schema. */
export interface StreamMetadata {
  /** Length of an embedding. */
  dim: number
  /** Whether the embeddings are L2-normalised. */
  normalized: boolean
  /** SHA-256 of the model file, in hexadecimal. */
  modelHash: string
}

export function embeddingType(dim: number): FixedSizeList<Float32> {
  return new FixedSizeList(dim, new Field('item', new Float32(), false))
}

/** `index` uint32, `path` utf8, `embedding` fixed-size list of float32. */
export function embeddingSchema({ dim, normalized, modelHash }: StreamMetadata): Schema {
  return new Schema(
    [
      new Field('index', new Uint32(), false),
      new Field('path', new Utf8(), false),
      new Field('embedding', embeddingType(dim), false),
    ],
    new Map([
      ['facekit.dim', String(dim)],
      ['facekit.normalized', String(normalized)],
      ['facekit.model_sha256', modelHash],
    ]),
  )
}
