import { addBias, affineOf, foldAfter, foldBefore, foldScaleBefore, type Affine } from './affine.js'
import { widthOf, type BatchNorm, type Block, type Head, type Layer, type Network } from './network.js'

/**
 * Folds batch norms into their neighbours: the same function with fewer operations, exact but for float32 rounding.
 *
 * A norm after a convolution goes into its weights and bias, one before a convolution of 1×1 as well. The norm before the
 * first convolution of a block, x · scale + shift, cannot where that convolution pads: its padding is zero after the
 * norm. But scale · (x + shift/scale) is zero where x + shift/scale is. So the blocks hand one another x + shift/scale,
 * the shift of the block that comes, which costs nothing: it is part of the bias of whatever was added last, and is taken
 * back in the same way. Zero padding is then right, and the scale goes into the weights.
 *
 * A block that ends in a squeeze-and-excitation has no such bias, since what it adds last is a product: neither its norm
 * nor that of the block after it is carried.
 *
 * @param shiftLimit a norm stays where it is if its shift is larger than this many standard deviations of what it is
 * added to: the sum would lose that much precision. 0 keeps all of these norms.
 */
export function foldNorms(network: Network, shiftLimit: number): Network {
  const { stem, blocks, head, pixels } = network
  const parts = [stem, ...blocks.map(({ residual }) => residual)]
  /** Of the block after each part: the norm that it begins with, where that is carried. */
  const norms = parts.map((part, i) => carriedNorm(part, parts[i + 1] ?? [], shiftLimit))
  const shifts = norms.map((norm, i) => (norm ? shiftOver(norm) : zeros(widthOf(parts[i]!))))
  const inverses = pixels.std.map((std) => 1 / std)
  return {
    ...network,
    pixels: { mean: pixels.mean, std: [1, 1, 1] },
    stem: shiftResult(foldNeighbours(scaleInput(stem, inverses)), shifts[0]!),
    blocks: blocks.map((block, i) => foldBlock(block, norms[i], shifts[i]!, shifts[i + 1]!)),
    head: foldHead(head),
  }
}

/**
 * @param norm the first of the residual, if it is carried
 * @param comes what x is shifted by on its way into the block
 * @param goes what the block's result must be shifted by
 */
function foldBlock(
  { residual, shortcut }: Block,
  norm: BatchNorm | undefined,
  comes: Float64Array,
  goes: Float64Array,
): Block {
  const folded = foldNeighbours(norm ? scaleInput(residual.slice(1), affineOf(norm).scale) : residual)
  const passesOn = !shortcut.some((layer) => 'conv' in layer)
  return {
    residual: shiftResult(folded, passesOn ? goes.map((shift, i) => shift - comes[i]!) : goes),
    shortcut: takeBack(foldNeighbours(shortcut), comes),
  }
}

/** The norm that `next` begins with, where `part` can give its result shifted by it, and `next` can take that back. */
function carriedNorm(
  part: readonly Layer[],
  next: readonly Layer[],
  shiftLimit: number,
): BatchNorm | undefined {
  const [first, second] = next
  if (!(first && 'norm' in first && second && 'conv' in second && second.conv.kernel > 1)) return undefined
  if (endsInProduct(part) || endsInProduct(next)) return undefined
  return withinLimit(first.norm, shiftLimit) ? first.norm : undefined
}

function endsInProduct(layers: readonly Layer[]): boolean {
  return 'se' in (layers.at(-1) ?? {})
}

/** Norms go into the convolutions beside them, if these do not pad. */
function foldNeighbours(layers: readonly Layer[]): Layer[] {
  const folded: Layer[] = []
  for (const layer of layers) {
    const last = folded.pop()
    if (!last) folded.push(layer)
    else if ('conv' in last && 'norm' in layer) folded.push({ conv: foldAfter(last.conv, layer.norm) })
    else if ('norm' in last && 'conv' in layer && layer.conv.kernel === 1)
      folded.push({ conv: foldBefore(layer.conv, affineOf(last.norm)) })
    // A mean commutes with what is done per channel.
    else if ('norm' in last && 'pool' in layer) folded.push(layer, last)
    else folded.push(last, layer)
  }
  return folded
}

/** layers(x · scale), where the first is a convolution. */
function scaleInput([first, ...rest]: readonly Layer[], scale: ArrayLike<number>): Layer[] {
  if (!(first && 'conv' in first)) throw new TypeError('Expected a convolution to scale the input of')
  return [{ conv: foldScaleBefore(first.conv, scale) }, ...rest]
}

/** layers(x) + shift. Where there is one, the last is a convolution or a PReLU. */
function shiftResult(layers: readonly Layer[], shift: Float64Array): readonly Layer[] {
  const last = layers.at(-1)
  if (!last || shift.every((value) => value === 0)) return layers
  const before = layers.slice(0, -1)
  if ('conv' in last) return [...before, { conv: addBias(last.conv, shift) }]
  if ('prelu' in last) return [...before, { prelu: { ...last.prelu, shift: Float32Array.from(shift) } }]
  throw new TypeError('Expected a convolution or a PReLU to shift the result of')
}

/** layers(x) from x + shift, of a shortcut that has a convolution; one that has none passes the shift on. */
function takeBack(layers: readonly Layer[], shift: Float64Array): Layer[] {
  const scale = new Float64Array(shift.length).fill(1)
  const back = { scale, shift: shift.map((value) => -value) }
  return layers.map((layer) => ('conv' in layer ? { conv: foldBefore(layer.conv, back) } : layer))
}

function foldHead(head: Head): Head {
  const { featuresNorm, linearTakes, name, weights, bias, embeddingNorm } = head
  if (linearTakes === 'blocks') return head
  const { scale, shift } = affineOf(featuresNorm)
  const after = embeddingNorm ? affineOf(embeddingNorm) : identity(bias.length)
  const features = weights.length / bias.length
  const cells = features / scale.length
  const foldedWeights = new Float32Array(weights.length)
  const foldedBias = bias.map((value, row) => {
    let sum = value
    for (let channel = 0, at = row * features; channel < scale.length; channel++) {
      for (let cell = 0; cell < cells; cell++, at++) {
        const weight = weights[at]!
        sum += weight * shift[channel]!
        foldedWeights[at] = weight * scale[channel]! * after.scale[row]!
      }
    }
    return sum * after.scale[row]! + after.shift[row]!
  })
  return { featuresNorm, linearTakes: 'blocks', name, weights: foldedWeights, bias: foldedBias }
}

/** shift/scale of a norm. */
function shiftOver(norm: BatchNorm): Float64Array {
  const { scale, shift } = affineOf(norm)
  return shift.map((value, i) => value / scale[i]!)
}

/** In standard deviations of what it is added to, as training saw it. */
function withinLimit(norm: BatchNorm, limit: number): boolean {
  return shiftOver(norm).every((shift, i) => Math.abs(shift) <= limit * Math.sqrt(norm.variance[i]!))
}

function identity(channels: number): Affine {
  return { scale: new Float64Array(channels).fill(1), shift: zeros(channels) }
}

function zeros(channels: number): Float64Array {
  return new Float64Array(channels)
}
