import { statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { FacekitError, identityDifferences, OptionError, PendingFiles, type RunIdentity } from '@facekit/core'
import { imageList, openWrittenList, writeList, type WrittenList } from '@facekit/preprocess'
import { grouped, Progress } from '../progress.js'
import type { Talk } from '../talk.js'
import { canBeReadAgain, expectImages } from './count-images.js'
import { describePassedOver } from './passed-over.js'
import type { RunInput } from './run-identity.js'

const BATCH_SIZE = 4096

/**
 * The list of which parts embed their shares. The first that comes writes it into the folder of the embeddings, the others
 * wait for that: so the order of a folder is asked once, and no part reads all of a list.
 *
 * @throws OptionError for an input that can be read once only; FacekitError `LIST_CHANGED` where a list was written of
 *   another input, `INPUT_EMPTY` for a folder without images
 */
export async function sharedList(
  folder: string,
  { input, listColumn }: RunInput,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<WrittenList> {
  if (!canBeReadAgain(input))
    throw new OptionError(
      `Expected a folder or a list for --part but received ${input}, which one part could read`,
    )
  const source = sourceOf({ input, listColumn })
  const there = await openWrittenList(folder)
  if (there) return checked(there, source)
  await expectImages(input, signal)
  const pending = await PendingFiles.in(folder, 'list', {
    onBusy: () => talk.info('Waiting for another part, which writes the list of images'),
  })
  try {
    const meanwhile = await openWrittenList(folder)
    if (meanwhile) return checked(meanwhile, source)
    let passedOver = ''
    const progress = new Progress('list', 'images')
    const batches = imageList(input, {
      batchSize: BATCH_SIZE,
      column: listColumn,
      onLeftOut: (previews) => talk.warn(`Left out the previews of a clustering in ${previews}`),
      onUnlisted: ({ message }) => talk.warn(message),
      onPassedOver: (what) => (passedOver = describePassedOver(what)),
    })
    const stop = () => batches.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await writeList(pending, batches, source, (entries) => {
        progress.count = entries
        talk.progress(progress)
      })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    if (passedOver) talk.info(`Passed over ${passedOver}`)
    talk.info(`Wrote the list of ${grouped(progress.count)} images that all parts read`)
  } finally {
    await pending.discard()
  }
  return (await openWrittenList(folder))!
}

/** What shows that an input is another one, without reading it. */
function sourceOf({ input, listColumn }: RunInput): RunIdentity {
  const stats = statSync(input)
  return {
    '--input': resolve(input),
    // Paths in the output may be meant from it.
    ...(!isAbsolute(input) && { 'the working directory': process.cwd() }),
    ...(listColumn !== undefined && { '--list-column': listColumn }),
    ...(stats.isFile() && {
      'the size of the list': stats.size,
      'the time of its last change': stats.mtime.toISOString(),
    }),
  }
}

function checked(list: WrittenList, source: RunIdentity): WrittenList {
  const differences = identityDifferences(list.source, source)
  if (differences.length === 0) return list
  throw new FacekitError(
    'LIST_CHANGED',
    `Expected the input of which the parts in ${list.folder} are but ${differences.join('; ')}. Give what they were begun with, or choose another folder for the output.`,
  )
}
