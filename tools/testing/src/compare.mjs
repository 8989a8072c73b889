/**
 * @typedef {object} Case
 * @property {string} name
 * @property {() => unknown} run what is timed; may return a promise
 * @property {Record<string, number>} per how much of each unit one run handles: { rows: 1000, MB: 2 }
 */

/** What runs return goes in here, so that none can be left out as unused. */
/** @type {unknown[]} */
const sink = []

/**
 * Times cases in turn, A B C A B C …, so that a machine whose speed drifts drifts for all, and prints their rates:
 * median (minimum–maximum) over the repeats, and the ratio of each to the first case.
 *
 * @param {string} title
 * @param {readonly Case[]} cases
 * @param {{ repeats?: number }} [options]
 * @returns {Promise<number[]>} median seconds of each case
 */
export async function compare(title, cases, { repeats = 5 } = {}) {
  /** @type {number[][]} */
  const seconds = cases.map(() => [])
  for (const { run } of cases) sink.push(await run())
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, { run }] of cases.entries()) {
      const start = performance.now()
      sink.push(await run())
      seconds[i].push((performance.now() - start) / 1000)
    }
  }
  sink.length = 0

  const medians = seconds.map(median)
  console.log(`\n${title} (${repeats} repeats)`)
  const width = Math.max(...cases.map(({ name }) => name.length))
  cases.forEach(({ name, per }, i) => {
    const rates = Object.entries(per).map(([unit, count]) => {
      const [mid, low, high] = [medians[i], Math.max(...seconds[i]), Math.min(...seconds[i])]
      return `${rate(count / mid)} (${rate(count / low)}–${rate(count / high)}) ${unit}/s`
    })
    const ratio = i === 0 ? '' : `  ${(medians[0] / medians[i]).toFixed(2)} × the first`
    console.log(`  ${name.padEnd(width)}  ${rates.join('  ')}${ratio}`)
  })
  return medians
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.floor(sorted.length / 2)]) / 2
}

/** @param {number} value */
function rate(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)
}
