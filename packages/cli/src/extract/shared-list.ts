import { statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import {
  FacekitError,
  hashFile,
  identityDifferences,
  OptionError,
  PendingFiles,
  type RunIdentity,
} from '@facekit/core'
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
  const there = await openWrittenList(folder)
  if (there) return checked(there, { input, listColumn }, signal)
  await expectImages(input, signal)
  const pending = await PendingFiles.in(folder, 'list', {
    onBusy: () => talk.info('Waiting for another part, which writes the list of images'),
    signal,
  })
  try {
    const meanwhile = await openWrittenList(folder)
    if (meanwhile) return checked(meanwhile, { input, listColumn }, signal)
    const source = { ...sourceOf({ input, listColumn }), ...(await contentsOf(input, signal)) }
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
      [CHANGED]: stats.mtime.toISOString(),
    }),
  }
}

const CHANGED = 'the time of its last change'

/** A list that was touched, or copied, is the same. */
async function contentsOf(input: string, signal: AbortSignal | undefined): Promise<RunIdentity> {
  if (!statSync(input).isFile()) return {}
  return { 'the list': (await hashFile(input, { signal })).hash.digest('hex') }
}

async function checked(
  list: WrittenList,
  input: RunInput,
  signal: AbortSignal | undefined,
): Promise<WrittenList> {
  const { 'the list': contents, ...before } = list.source
  const now = sourceOf(input)
  if (identityDifferences(before, now).length === 0) return list
  const differences = identityDifferences(
    { ...before, [CHANGED]: '', 'the list': contents ?? '' },
    { ...now, [CHANGED]: '', 'the list': '', ...(await contentsOf(input.input, signal)) },
  )
  if (differences.length === 0) return list
  throw new FacekitError(
    'LIST_CHANGED',
    `Expected the input of which the parts in ${list.folder} are but ${differences.join('; ')}. Give what they were begun with, or choose another folder for the output.`,
  )
}
