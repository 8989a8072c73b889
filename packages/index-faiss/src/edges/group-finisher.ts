import type { EdgeBatch } from '@facekit/core'
import { unitsInGroup, type TilePlan } from '../plan/tile-plan.js'
import { EdgeSelector } from './edge-selector.js'
import { NeighborLists } from './neighbor-lists.js'

export interface GroupFinisherOptions {
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /** rows × float32: kept up to date with the similarity of the last neighbor of lists that are full. */
  cutoffs: Float32Array
  /** What the neighbors of rows that are not finished may take before they go into a file. */
  listBytes: number
  spillFile: string
}

/** Collects neighbors until a group of rows has all of its own, then turns them into edges. */
export class GroupFinisher {
  readonly #plan: TilePlan
  readonly #lists: NeighborLists
  readonly #cutoffs: Float32Array
  readonly #selector: EdgeSelector
  readonly #unitsDone: Uint32Array
  #finished = 0

  constructor(plan: TilePlan, { listLength, cutoffs, listBytes, spillFile }: GroupFinisherOptions) {
    this.#plan = plan
    this.#lists = new NeighborLists({
      rows: plan.rows,
      groupRows: plan.groupRows,
      listLength,
      cutoffs,
      memoryBytes: listBytes,
      spillFile,
    })
    this.#cutoffs = cutoffs
    this.#selector = new EdgeSelector(listLength, cutoffs)
    this.#unitsDone = new Uint32Array(plan.groups)
  }

  /** Takes the pairs of a unit of the group. */
  *add(group: number, { source, target, similarity }: EdgeBatch): Generator<EdgeBatch> {
    for (let i = 0; i < source.length; i++) {
      this.#lists.add(source[i]!, target[i]!, similarity[i]!)
      this.#lists.add(target[i]!, source[i]!, similarity[i]!)
    }
    this.#unitsDone[group]!++
    // A group has its last neighbors when it and all before it are done.
    while (
      this.#finished < this.#plan.groups &&
      this.#unitsDone[this.#finished] === unitsInGroup(this.#plan, this.#finished)
    ) {
      const { groupRows } = this.#plan
      // No thread looks at these rows any more: from here on it is where their lists end.
      this.#cutoffs.fill(-Infinity, this.#finished * groupRows, (this.#finished + 1) * groupRows)
      for (const [row, neighbors] of this.#lists.take(this.#finished)) this.#selector.addRow(row, neighbors)
      this.#finished++
      const edges = this.#selector.take()
      if (edges.source.length > 0) yield edges
    }
  }

  close(): void {
    this.#lists.close()
  }
}
