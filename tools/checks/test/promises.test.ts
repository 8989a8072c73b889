import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './workspace.js'

/** What the README promises, word for word, and the tests that hold it: file and name. */
const PROMISES: Readonly<Record<string, readonly (readonly [file: string, test: string])[]>> = {
  // Exit status
  '| 0 | done; images that failed are in `failed.ndjson` |': [
    ['cli/test/pipeline.test.ts', 'lists what fails, goes on, and exits with 1 only with --strict'],
  ],
  '| 1 | done, some images failed, and `--strict` was given |': [
    ['cli/test/pipeline.test.ts', 'lists what fails, goes on, and exits with 1 only with --strict'],
  ],
  '| 2 | a flag is wrong |': [
    ['cli/test/program.test.ts', 'refuses %j as usage'],
    ['cli/test/memory.test.ts', 'the limit %s'],
  ],
  '| 3 | input, model, memory or disk: the work could not be done, or its summary not be printed; see [Outputs](#outputs) for what there is |':
    [
      ['cli/test/pipeline.test.ts', 'with a code and writes nothing'],
      ['cli/test/memory.test.ts', 'a limit that it could not keep, with the one that it needs'],
      ['cli/test/ends.test.ts', 'says so when %s cannot be printed'],
      [
        'cli/test/full-disk.test.ts',
        '%s does all of its work, or says that the disk is full and leaves nothing',
      ],
    ],
  '| 129, 130, 143 | stopped by SIGHUP, SIGINT, SIGTERM |': [
    ['cli/test/ends.test.ts', 'by %s, extract says so and leaves nothing'],
  ],
  '| 141 | the reader of the pipe went away |': [
    ['cli/test/ends.test.ts', 'by a reader that goes away, extract ends quietly'],
  ],
  'The status is 0 only where all files are in their places.': [
    [
      'cli/test/program.test.ts',
      'does not end with 0 where nothing is left to wait for before its work is done',
    ],
    ['cli/test/commits.test.ts', 'a signal that comes while %s moves its files does not stop that'],
  ],
  'A signal stops any command at once, or when what is being computed is done, which one line says; another one, or ten seconds, end it in the middle.':
    [
      ['cli/test/ends.test.ts', 'stopped as soon as it begins, %s does nothing'],
      ['cli/test/ends.test.ts', 'for longer than anybody waits, extract is ended by %s'],
      ['cli/test/interruption.test.ts', 'what is stopped ends at once, and leaves nothing'],
    ],

  // Outputs
  '`extract --output` writes `final_fpaths.npy` (unicode), `final_indices.npy` (int64, position in the input), `final_embs.npy` or `final_embs_norm.npy` (float32, n×dim), or `fpaths_{i}.npy`, `indices_{i}.npy`, `embs_{i}.npy` or `embs_norm_{i}.npy` where the set is split; and `failed.ndjson`, one line (`index`, `path`, `reason`) per image that could not be decoded, or whose embedding holds NaN or infinity; and `run.json`: what made them, one entry for each input: version, command line, model with SHA-256, mean, std, counts, seconds (of parts, in each receipt).':
    [
      ['cli/test/pipeline.test.ts', 'writes the contract’s files, rows in the order of the input'],
      ['cli/test/pipeline.test.ts', 'splits, and writes a set per batch, under the contract’s names'],
      ['io-npy/test/numpy.test.ts', 'a file set, empty or not'],
      ['cli/test/pipeline.test.ts', 'takes an image whose embedding is no numbers for one that failed'],
      ['cli/test/append.test.ts', 'says what made them'],
    ],
  '`extract` never replaces embeddings unasked: `--overwrite` does, `--append` adds to them.': [
    ['cli/test/append.test.ts', 'are refused unless it is said what becomes of them: %j'],
    ['cli/test/append.test.ts', 'are replaced by --overwrite, which says what it replaced'],
    ['cli/test/append.test.ts', 'gives of a %s set what one extract of both lists gives'],
  ],
  'An append that dies leaves the set of before, and goes on with `--resume`.': [
    [
      'cli/test/append.test.ts',
      'at any step, of a %s set, leaves the old set or the new one, and comes to the same',
    ],
  ],
  'A folder that cannot be listed is one line of `failed.ndjson`, at the position where it stood, and a warning; so is, without a warning, each image whose name is not UTF-8.':
    [
      ['cli/test/inputs.test.ts', 'goes on where a folder in it cannot be listed'],
      ['preprocess/test/walk.test.ts', 'counts images whose name is not UTF-8'],
    ],
  'Where all images failed, nothing is written.': [
    [
      'cli/test/pipeline.test.ts',
      'refuses a list of which no image can be read, with the first reason, and leaves what is there',
    ],
  ],
  '`cluster` writes, with C classes and D images that stay (`12K` for 12,345):': [
    ['labels/test/label-files.test.ts', '%i classes of %i images'],
  ],
  '`fr_train_{C}_class_{D}_data_classes.npy`: names of the classes, by number; `group_0000` the largest, unless names were kept;':
    [
      ['cli/test/pipeline.test.ts', 'finds the people and the duplicates, in the contract’s files'],
      ['labels/test/keep-names.test.ts', 'are in all files, with gaps'],
    ],
  "`fr_train_{C}_class_{D}_data_data_list.npy`: `{'folder': class, 'file_path': path}` per image that stays, in the order of the input (`np.load(…, allow_pickle=True)`);":
    [
      ['cli/test/pipeline.test.ts', 'finds the people and the duplicates, in the contract’s files'],
      ['io-npy/test/numpy.test.ts', 'label records, without a warning'],
    ],
  '`clustering_result.txt`: how many classes have how many images;': [
    ['labels/test/label-files.test.ts', 'with removedDuplicates %s'],
  ],
  "`assignments.parquet`: every image with `path`, `index`, `class`, `duplicate_of`, for DuckDB or pandas: `select class, count(*) from 'labels/assignments.parquet' where class is not null group by class order by 2 desc`;":
    [['labels/test/assignments.test.ts', 'it(']],
  '`group_0000/` and so on: previews of the largest classes, named as the classes are: the five most typical images, then the five least;':
    [
      ['labels/test/previews.test.ts', 'of the largest %i of 3 classes'],
      [
        'labels/test/previews.test.ts',
        'show the five most typical images of a class and the five least, and decode no others',
      ],
    ],
  '`edges/`: what `search` writes, unless `--no-keep-edges` is given.': [
    ['cli/test/stored-edges.test.ts', 'are those of a full run, byte for byte: of people'],
    [
      'cli/test/stored-edges.test.ts',
      'keeps no edges where they are not wanted, nor those of an earlier run',
    ],
  ],
  "`search` writes `edges_{i}.parquet`, pairs of rows (`source`, `target`, `similarity`) in that order, for DuckDB, pandas or polars: `select * from 'edges/*.parquet' where similarity > 0.9`; and `edges.json`, which says what they are of: rows, dim, floor, topK, a fingerprint of the embeddings and checksums of the files.":
    [
      ['edges/test/edge-set.test.ts', 'are what DuckDB reads'],
      ['edges/test/edge-set.test.ts', 'are found by their size, or by what is in them'],
      ['cli/test/stored-edges.test.ts', 'searches where embeddings have changed'],
    ],
  '`run.json`: what made them: version, command line, the model of the embeddings, thresholds, method, counts, seconds, and the number of the next new class;':
    [
      ['labels/test/read-labels.test.ts', 'says what made the labels'],
      ['cli/test/append.test.ts', 'goes into that of labels, where it is there'],
    ],
  '`duplicates.csv`: each removed image, the image that stays, their cosine, both positions in the input; not with `--no-remove_duplicates`;':
    [
      [
        'labels/test/duplicates.test.ts',
        'names each removed image, what stays in its place, and their cosine, in the order of the rows',
      ],
      [
        'labels/test/duplicates.test.ts',
        'is a head alone where there are none, and not there where nobody looked for them',
      ],
    ],
  '`changes.csv`, where names of earlier labels were kept: `earlier,now,change,images`, what was kept, merged, split and new;':
    [['labels/test/keep-names.test.ts', 'go by the rule, week after week']],
  "**Names stay.** Where images were added to those that the labels in the folder are of, and from then on, a class keeps the name of the earlier class of which it holds most images, unless another class holds more of that one's; other classes get numbers that were never given.":
    [
      ['labels/test/keep-names.test.ts', 'go by the rule, week after week'],
      ['cli/test/kept-names.test.ts', 'leave persons their names, and new ones get new names'],
    ],
  'A part leaves `part_{i}_of_{n}.json`, which says what it is, beside its shards (`embs_{j}.npy` and so on, numbered through all parts) and `part_{i}_of_{n}.failed.ndjson`; of edges, `part_{i}_of_{n}.parquet`, until they are joined.':
    [
      ['cli/test/extract-parts.test.ts', 'of a list in %i are the rows, failures and labels of one run'],
      ['cli/test/search-parts.test.ts', 'are those of one search, byte for byte, with topK %s'],
    ],
  '`list.ndjson` and `list.json`, beside the embeddings, are the images that all parts read, as the first one found them.':
    [['cli/test/extract-parts.test.ts', 'of a folder follow the list that the first one wrote']],
  '**A set of files appears as a set**, when all of them are complete and on the disk.': [
    ['core/test/pending-files.test.ts', 'shows files and folders only at commit'],
    [
      'core/test/pending-files.test.ts',
      'a set is the old one or the new one, after whoever opens the folder next',
    ],
  ],
  'A run that fails or is stopped before leaves the output folder as it was, but for edges that were complete and progress that was recorded; a stream that it was writing has no end marker, and is refused by its reader.':
    [
      [
        'cli/test/random-kills.test.ts',
        '%s leaves no half-written file, and a run afterwards gives the same bytes',
      ],
      [
        'core/test/pending-files.test.ts',
        'leaves nothing when discarded, nor the folders that it made where they were missing',
      ],
      ['cli/test/pipeline.test.ts', 'extract leaves cluster with an error and no labels'],
      [
        'cli/test/full-disk.test.ts',
        '%s does all of its work, or says that the disk is full and leaves nothing',
      ],
    ],
  'A run that is killed, even while it moves its files into their places, never leaves a mixture of an older set and a newer one: what it had begun is finished by whichever command opens the folder next, or what it had not completed is removed by the next one that writes there, which says so, but for progress that was recorded.':
    [
      ['cli/test/commits.test.ts', 'extract leaves the older set or the newer one'],
      ['cli/test/commits.test.ts', 'cluster leaves the older labels or the newer ones'],
      ['cli/test/leftovers.test.ts', 'cluster removes what a killed run left in its output, and says so'],
    ],
  'A signal that comes while files are moved does not stop that.': [
    ['cli/test/commits.test.ts', 'a signal that comes while %s moves its files does not stop that'],
  ],
  'The paths and the embeddings that `cluster` reads are of one set, or it fails.': [
    [
      'cli/test/commits.test.ts',
      'labels are never made of the embeddings of one set and the paths of another',
    ],
    ['io-npy/test/moving-set.test.ts', 'it('],
  ],
  '**What dies goes on.** `extract --output`, `search` and `cluster` record how far they are, every 20 to 60 seconds, from the first of these on.':
    [['core/test/run-record.test.ts', 'it(']],
  'After a kill, a loss of power, a signal, a full disk or an input that went away, the same command with `--resume` goes on from there, and gives the bytes that an undisturbed run gives; what was recorded is checked by its checksums first.':
    [
      [
        'cli/test/resume-extract.test.ts',
        'at any moment, extract gives the files that it gives without that',
      ],
      ['cli/test/resume-extract.test.ts', 'for want of its input goes on when that is back'],
      ['cli/test/resume-search.test.ts', 'at random moments, is gone on with to the same bytes'],
      ['cli/test/resume-search.test.ts', 'between what is flushed and what is renamed'],
      ['cli/test/resume-search.test.ts', 'says so, and goes on to the same bytes when there is room'],
      ['cli/test/resume-search.test.ts', 'which was stopped by a signal, has recorded what it did'],
      ['cli/test/resume-search.test.ts', 'is not trusted: what is not as it was recorded is named'],
    ],
  'Where the model, the list, the embeddings or an option that would show in the result are others, it is refused, and what differs is named.':
    [
      ['cli/test/resume-search.test.ts', 'is not gone on with by another %s'],
      ['cli/test/resume-search.test.ts', 'is not gone on with by other embeddings'],
    ],
  'A run without `--resume` or `--no-resume` is refused where one is unfinished.': [
    ['cli/test/resume-search.test.ts', 'is not lost where a word is left out, which is said'],
  ],
  'What came through a pipe has to come again, and a search by FAISS begins anew.': [
    ['cli/test/resume-extract.test.ts', 'cannot be gone on with'],
  ],

  '**Only what facekit made is replaced or removed.** `extract`, `search` and `cluster` each keep a record of the files that they made, with their sizes, in `.facekit.json` beside them; the next run into the same folder, of `extract` with `--overwrite` or `--append`, takes the place of exactly these, and says which files of other names it removed.':
    [
      [
        'cli/test/pipeline.test.ts',
        'takes the place of what an earlier run made, says so, and lets nothing of the user’s go',
      ],
      ['cli/test/pipeline.test.ts', 'removes what an earlier run left of a larger set, and says so'],
      ['core/test/pending-files.test.ts', 'is not removed for a record that names it'],
    ],
  'Where something of yours has the name of a file to be written, or is in a folder to be replaced, or such a file has another size than was recorded, the run stops before its work and names it.':
    [
      ['core/test/pending-files.test.ts', 'stops a run before its work: %s'],
      ['core/test/pending-files.test.ts', 'stops a run also among what it made: %s'],
      ['cli/test/commits.test.ts', 'extract keeps files that have the names of its own, and stops at once'],
    ],
  '`convert` writes one file, in place of a file that is there, but never of its weights, a device or a pipe.':
    [['cli/test/weights.test.ts', 'replaces neither the weights nor what is no file']],
  'Embeddings and labels each have a `run.json`, and a folder of their own.': [
    ['cli/test/append.test.ts', 'is not that of labels: the folder is not shared'],
  ],
  'Previews inside the input of `extract` are known by that record and left out, with a line that says so.': [
    ['cli/test/commits.test.ts', 'previews inside the input do not become input'],
  ],
  '**One run at a time writes to a folder.** A second one is refused at its start, with the process number of the first.':
    [['cli/test/commits.test.ts', 'is refused to a second one, with the number of the first: %s']],
  'Parts are made side by side; a part that another process makes is waited for, which one line says.': [
    ['core/test/parts.test.ts', 'are made side by side, each with a place and a record of its own'],
    ['core/test/parts.test.ts', 'of which another run is at work are waited for'],
  ],
  'What a killed one left (`.facekit-run`) is no obstacle on the same machine; on another machine, or in another container, it counts as gone after five minutes without a sign of life.':
    [
      ['core/test/pending-files.test.ts', 'a process that is gone is no obstacle'],
      ['core/test/pending-files.test.ts', 'of another machine that is silent'],
      ['core/test/pending-files.test.ts', 'of another machine that gives signs of life'],
    ],

  // Memory
  '**Memory**: `cluster` keeps to `--memory-limit` and 300 MB beside it, for the program and one thread (more while GPUs are loaded, with `--engine faiss`, and where tens of thousands of images are the same).':
    [
      ['cli/test/memory.test.ts', 'where embeddings are long, and finds all there is'],
      ['cli/test/memory.test.ts', 'where there are many rows'],
      ['cli/test/memory.test.ts', 'which it takes where there is room'],
    ],
  '33 bytes a row are certain: a limit below that is refused, with the number that is needed.': [
    ['cli/test/memory.test.ts', 'a limit that it could not keep, with the one that it needs'],
  ],
  'Each further thread takes some 40 MiB of it; where there is no room, fewer search, which one line says.': [
    ['cli/test/memory.test.ts', 'or fewer, and says so'],
  ],
  'Codes and pairs that do not fit go into files; previews take no more than a quarter of it.': [
    ['cli/test/memory.test.ts', 'where embeddings are long, and finds all there is'],
    ['cli/test/memory.test.ts', 'goes for previews, too'],
  ],
  '`extract` takes the model and up to `--decode-memory`: a picture that takes more is decoded alone.': [
    ['cli/test/memory.test.ts', 'has one large picture decoded at a time'],
    ['preprocess/test/decode-memory.test.ts', 'it('],
  ],

  // Limits
  'Images are counted in 32 bits (4.29 billion); `cluster` takes up to 2,147,483,647 embeddings.': [
    ['io-arrow/test/hostile.test.ts', 'an index'],
    ['cli/test/memory.test.ts', 'more rows than it can number'],
  ],
  'Paths must be valid UTF-8.': [['io-arrow/test/hostile.test.ts', 'it(']],
  "BMP is read but for those that hold a JPEG or PNG, and OS/2 2's own compressions.": [
    ['preprocess/test/bmp.test.ts', 'is what PIL %s reads'],
  ],
  'A file set whose shards do not run from 0 without gaps is refused.': [
    ['io-npy/test/file-set.test.ts', 'no shard'],
  ],
  'External data of a model is looked for in its folder, also through links; a name that leads out of it is refused.':
    [['embedder/test/external-data.test.ts', 'link']],
}

/** True of any program that does what this one does. */
const NO_PROMISES = ['The search compares every pair: time grows with the square of the rows.']

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8').replaceAll(/ +/g, ' ')

function section(from: string, to: string): string {
  const start = readme.indexOf(from)
  return readme.slice(start + from.length, readme.indexOf(to, start))
}

describe('what the README promises', () => {
  it.each(Object.entries(PROMISES))('is held by a test: %s', (words, tests) => {
    expect(readme).toContain(words)
    for (const [file, name] of tests)
      expect(readFileSync(join(ROOT, 'packages', file), 'utf8'), `${file} has a test of it`).toContain(name)
  })

  it.each([
    ['Exit status', section('### Exit status\n', '## Outputs')],
    ['Outputs', section('## Outputs\n', '## Coming')],
    ['Memory', `- **Memory**${section('- **Memory**', '- **CUDA**')}`],
    ['Limits', section('## Limits\n', '## Licence')],
  ])('of %s, all of it', (_title, text) => {
    let left = text.replace('| status | meaning |', '')
    for (const words of [...Object.keys(PROMISES), ...NO_PROMISES]) left = left.replace(words, '')
    expect(left.replaceAll(/[\s|-]/g, '')).toBe('')
  })
})
