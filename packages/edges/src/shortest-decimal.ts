/** The number of fewest digits that is this one as float32: 0.7 is held as 0.699999988079071. */
export function shortestDecimal(float32: number): number {
  // Nine digits tell any two of them apart.
  for (let digits = 1; digits < 9; digits++) {
    const number = Number(float32.toPrecision(digits))
    if (Math.fround(number) === float32) return number
  }
  return float32
}
