import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError, readReceipts, type FailedImage } from '@facekit/core'
import { failuresNameOf } from './failure-log.js'

/**
 * The images that have no embedding, as `extract` noted them in a folder, in the order of the input; those of parts one
 * after the other.
 *
 * @throws FacekitError `FAILED_LIST`
 */
export async function* failuresIn(folder: string): AsyncGenerator<FailedImage> {
  for (const name of await namesIn(folder)) yield* failuresOf(join(folder, name))
}

/** Whether it is noted in a folder which images have no embedding: not where others than facekit made them. */
export async function notesFailures(folder: string): Promise<boolean> {
  return (await namesIn(folder)).every((name) => existsSync(join(folder, name)))
}

async function namesIn(folder: string): Promise<string[]> {
  const parts = (await readReceipts(folder, 'embeddings')).map(({ part }) => part)
  return parts.length > 0 ? parts.map(failuresNameOf) : [failuresNameOf(undefined)]
}

async function* failuresOf(file: string): AsyncGenerator<FailedImage> {
  const wrong = (what: string, options?: ErrorOptions) =>
    new FacekitError(
      'FAILED_LIST',
      `Expected the images that failed in ${file} but ${what}. Run extract anew.`,
      options,
    )
  const handle = await open(file).catch((cause: Error) => {
    throw wrong(cause.message, { cause })
  })
  let line = 0
  let before = -1
  for await (const text of linesOf(handle.createReadStream({ encoding: 'utf8' }))) {
    line++
    const failure = parse(text)
    if (!failure || failure.index <= before)
      throw wrong(`line ${line} is ${JSON.stringify(text.slice(0, 80))}`)
    before = failure.index
    yield failure
  }
}

/** Not those of `readline`, which end at characters that names may hold. */
async function* linesOf(chunks: AsyncIterable<unknown>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${String(chunk)}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

function parse(text: string): FailedImage | undefined {
  try {
    const { index, path, reason } = JSON.parse(text) as Partial<Record<keyof FailedImage, unknown>>
    const isIndex = Number.isInteger(index) && Number(index) >= 0 && Number(index) < 2 ** 32
    if (!isIndex || typeof path !== 'string' || typeof reason !== 'string') return undefined
    return { index: Number(index), path, reason }
  } catch {
    return undefined
  }
}
