import { writeFile } from 'node:fs/promises'
import { gather } from './gather/gather.js'
import { page } from './page/page.js'
import type { ReportSources } from './sources.js'

/** How a report is made. */
export interface ReportOptions {
  /** Decides what is drawn. */
  seed: number
  signal?: AbortSignal | undefined
}

/** What is on a page. */
export interface ReportSummary {
  /** Of the page. */
  bytes: number
  pictures: number
  /** Images that are named without a picture: they cannot be read any more. */
  missingPictures: number
  /** Classes that one edge holds together; undefined without edges. */
  bridgedClasses: number | undefined
}

/**
 * Writes one HTML page that a person can judge a clustering by. It needs no network and no other file. Time grows with
 * rows and edges; memory is some 100 bytes a row, the page as large for any number of rows: see `LIMITS`.
 *
 * @throws ReportError `REPORT_OTHER`; what the sources throw; the reason of the signal
 */
export async function writeReport(
  file: string,
  sources: ReportSources,
  { seed, signal }: ReportOptions,
): Promise<ReportSummary> {
  const facts = await gather(sources, seed, signal)
  const bytes = Buffer.from(page(sources, facts, new Date()))
  await writeFile(file, bytes)
  let missingPictures = 0
  for (const { data } of facts.pictures.values()) if (data === undefined) missingPictures++
  return {
    bytes: bytes.length,
    pictures: facts.pictures.size - missingPictures,
    missingPictures,
    bridgedClasses: facts.bridges?.classes,
  }
}
