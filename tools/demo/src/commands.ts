import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// Relative, so that the commands can be read and run again.
const MODEL = relative('.', fileURLToPath(new URL('../model/demo.pth', import.meta.url)))

export interface DemoFolders {
  album: string
  embeddings: string
  labels: string
}

export function foldersIn(output: string): DemoFolders {
  return {
    album: join(output, 'album'),
    embeddings: join(output, 'embeddings'),
    labels: join(output, 'labels'),
  }
}

/** What the demo runs. */
export function demoCommands({ album, embeddings, labels }: DemoFolders): string[][] {
  return [
    ['extract', '--input', album, '--weights', MODEL, '--output', embeddings, '--overwrite'],
    // Drawn faces are more alike than photographs: a higher bar for what is the same picture. The floor lets the report
    // show what lower thresholds would join.
    [
      'cluster',
      '--input',
      embeddings,
      '--output',
      labels,
      '--duplicate_thresh',
      '0.96',
      '--floor',
      '0.5',
      '--report',
    ],
  ]
}
