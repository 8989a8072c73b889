/**
 * What a page shows at most, so that it is as large for 5 million classes as for a thousand: 1,320 pictures of some 3 kB,
 * under 10 MB. `MOST_PICTURES` is their sum.
 */
export const LIMITS = {
  /** Classes of each kind of contact sheet. */
  sheetClasses: 12,
  /** Faces of each. */
  largestFaces: 24,
  otherFaces: 16,
  /** Faces of a class that are read to tell which of them are typical. */
  comparedFaces: 256,
  /** The least cohesive classes, of which faces are drawn to tell whether they are two groups. */
  looseClasses: 256,
  looseFaces: 32,
  /** Classes larger than the lists of neighbors whose cohesion is told by drawn faces. */
  largeClasses: 2000,
  bridges: 12,
  /** Beside the two that make the bridge. */
  halfFaces: 9,
  alike: 12,
  alikeFaces: 8,
  /** Largest classes of which each is compared with every other. */
  alikeClasses: 2000,
  /** Pairs of rows of different classes, the most similar ones, whose classes are compared too. */
  alikePairs: 4096,
  /** Faces of a class that make its mean. */
  meanFaces: 16,
  /** Images that stay, and what is shown of their duplicates. */
  duplicates: 24,
  copies: 4,
  /** Pairs on either side of each of two thresholds. */
  borderline: 12,
  /** Pairs nearest to a threshold from which these are chosen. */
  borderlineFound: 256,
  /** Command lines of runs that made embeddings, the last ones. */
  extracts: 4,
  reasons: 24,
  /** Paths of images that failed, for each reason. */
  failedPaths: 8,
  /** Characters of a path or a reason that are shown, and of the name under a picture. */
  textLength: 240,
  nameLength: 40,
} as const

/** Pictures on a page, at most. */
export const MOST_PICTURES =
  LIMITS.sheetClasses * (LIMITS.largestFaces + 2 * LIMITS.otherFaces) +
  LIMITS.bridges * 2 * (1 + LIMITS.halfFaces) +
  LIMITS.alike * 2 * LIMITS.alikeFaces +
  LIMITS.duplicates * (1 + LIMITS.copies) +
  4 * LIMITS.borderline * 2

/** Rows that a half of a class has at least for its bridge to be told: two pictures aside are no second person. */
export const LEAST_HALF = 3

/** Rows from which on it says something how many of the possible edges a class has. */
export const LEAST_COHESION_ROWS = 4

/** Two persons of equal number have half of all pairs, and a few more by the faces that join them. */
export const LOW_COHESION = 0.6

/** Pixels of a side of a picture: sharp at the size of the page on a screen of any density. */
export const PICTURE_SIDE = 112
