export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 class`, `2 classes`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${grouped(value)} ${value === 1 ? one : many}`
}

/** How many of a kind are shown: `12 of 35`, or `3` where that is all. */
export function shownOf(shown: number, all: number): string {
  return shown < all ? `${grouped(shown)} of ${grouped(all)}` : grouped(all)
}

export function cosineText(cosine: number): string {
  return cosine.toFixed(3)
}

/** Of a pair that a threshold is told of. */
export function pairCosine(cosine: number): string {
  return cosine.toFixed(4)
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** The least threshold of three digits, held as float32 like the cosine, that a pair does not reach; none above 1. */
export function justAbove(cosine: number): string | undefined {
  const above = thousandthsWithin(cosine) + 1
  return above > 1000 ? undefined : cosineText(above / 1000)
}

/** The largest threshold of three digits, held as float32 like the cosine, that a pair reaches. */
export function notAbove(cosine: number): string {
  return cosineText(thousandthsWithin(cosine) / 1000)
}

function thousandthsWithin(cosine: number): number {
  const next = Math.floor(cosine * 1000) + 1
  return Math.fround(next / 1000) <= cosine ? next : next - 1
}

/** As the label files name classes. */
export function className(number: number): string {
  return `group_${String(number).padStart(4, '0')}`
}

export function duration(seconds: number): string {
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
