/** An integer of the opcodes `LONG1` and `LONG4`: little-endian, two's complement. */
export function decodeInteger(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0
  if (bytes.length <= 6) return bytes.readIntLE(0, bytes.length)
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  return narrow(BigInt.asIntN(8 * bytes.length, unsigned))
}

/** A decimal integer, as protocol 0 has it; `undefined` where it is none. */
export function parseInteger(line: string): number | bigint | undefined {
  return /^[+-]?[0-9]+L?$/.test(line) ? narrow(BigInt(line.replace('L', '').replace('+', ''))) : undefined
}

/** A decimal float; `undefined` where it is none. */
export function parseFloatLine(line: string): number | undefined {
  const special = /^([+-]?)(inf|nan)$/.exec(line)
  if (special) return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity
  return /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(line) ? Number(line) : undefined
}

function narrow(integer: bigint): number | bigint {
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : integer
}
