import type { Cosines } from './cosines.js'

/** Assignments settle in a few rounds; one that does not is as good by then. */
const ROUNDS = 8

/**
 * The least cosine of the means of two groups that faces fall into: spherical 2-means (Dhillon and Modha 2001, "Concept
 * decompositions for large sparse text data using clustering"), begun from each face and that which is least like it, so
 * that one odd face does not hide two groups. Means of two halves of one person are nearer to one another than its faces
 * are; those of two persons are as far apart as strangers.
 *
 * @param leastRows of each group
 * @returns undefined where there are no two groups so large
 */
export function twoGroups(cosines: Cosines, leastRows: number): number | undefined {
  let least: number | undefined
  for (let face = 0; face < cosines.rows; face++) {
    const groups = groupsFrom(cosines, face, leastLike(cosines, face))
    if (groups.some(({ count }) => count < leastRows)) continue
    const cosine = cosineOfMeans(cosines, groups)
    if (least === undefined || cosine < least) least = cosine
  }
  return least
}

interface Group {
  /** rows × 0 or 1 */
  members: Uint8Array
  count: number
}

function leastLike(cosines: Cosines, face: number): number {
  let least = face
  for (let other = 0; other < cosines.rows; other++)
    if (cosines.of(face, other) < cosines.of(face, least)) least = other
  return least
}

function groupsFrom(cosines: Cosines, one: number, other: number): [Group, Group] {
  const { rows } = cosines
  const isOther = Uint8Array.from(
    { length: rows },
    (_, row) => +(cosines.of(row, other) > cosines.of(row, one)),
  )
  for (let round = 0, isSettled = false; round < ROUNDS && !isSettled; round++) {
    const [a, b] = groupsOf(isOther)
    const [toA, toB] = [likenessTo(cosines, a), likenessTo(cosines, b)]
    isSettled = true
    for (let row = 0; row < rows; row++) {
      const side = +(toB[row]! > toA[row]!)
      if (side === isOther[row]) continue
      isOther[row] = side
      isSettled = false
    }
  }
  return groupsOf(isOther)
}

function groupsOf(isOther: Uint8Array): [Group, Group] {
  const group = (members: Uint8Array) => ({ members, count: members.reduce((sum, is) => sum + is, 0) })
  return [group(isOther.map((is) => 1 - is)), group(isOther)]
}

/** rows × the cosine of each row to the mean of a group; an empty group is like none. */
function likenessTo(cosines: Cosines, group: Group): Float64Array {
  const sums = sumsWith(cosines, group)
  const length = lengthOf(sums, group)
  return sums.map((sum) => (length > 0 ? sum / length : -Infinity))
}

/** rows × the inner product of each row with the sum of a group. */
function sumsWith(cosines: Cosines, { members }: Group): Float64Array {
  const sums = new Float64Array(cosines.rows)
  for (let row = 0; row < cosines.rows; row++)
    for (let member = 0; member < cosines.rows; member++)
      if (members[member]) sums[row]! += cosines.of(row, member)
  return sums
}

function lengthOf(sums: Float64Array, { members }: Group): number {
  return Math.sqrt(sums.reduce((sum, value, row) => sum + members[row]! * value, 0))
}

function cosineOfMeans(cosines: Cosines, [a, b]: readonly [Group, Group]): number {
  const [withA, withB] = [sumsWith(cosines, a), sumsWith(cosines, b)]
  const product = withB.reduce((sum, value, row) => sum + a.members[row]! * value, 0)
  return product / (lengthOf(withA, a) * lengthOf(withB, b))
}
