import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { FacekitError, type FailedImage } from '@facekit/core'
import { FAILURES_NAME } from '../extract/failure-log.js'

/** The images that have no embedding, as `extract` noted them; undefined where it did not. */
export function failuresIn(folder: string): AsyncIterable<FailedImage> | undefined {
  const file = join(folder, FAILURES_NAME)
  return existsSync(file) ? readFailures(file) : undefined
}

async function* readFailures(file: string): AsyncGenerator<FailedImage> {
  let line = 0
  for await (const text of linesOf(createReadStream(file, 'utf8'))) {
    line++
    const { index, path, reason } = parse(text)
    if (typeof index !== 'number' || typeof path !== 'string' || typeof reason !== 'string') {
      throw new FacekitError(
        'FAILED_LIST',
        `Expected the images that failed in ${file} but line ${line} is ${JSON.stringify(text.slice(0, 80))}. Run extract anew.`,
      )
    }
    yield { index, path, reason }
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

function parse(text: string): Partial<Record<keyof FailedImage, unknown>> {
  try {
    return Object(JSON.parse(text)) as Partial<Record<keyof FailedImage, unknown>>
  } catch {
    return {}
  }
}
