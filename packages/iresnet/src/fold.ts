import { addBias, affineOf, foldAfter, foldBefore, foldScaleBefore, type Affine } from './affine.js'
import type { BatchNorm, Block, Convolution, Head, Network, Shortcut } from './network.js'

/**
 * Folds batch norms into their neighbours: the same function with fewer operations, exact but for float32 rounding.
 *
 * A norm after a convolution goes into its weights and bias. The norm before the first convolution of a block, x ·
 * scale + shift, cannot: that convolution pads, and its padding is zero after the norm. But scale · (x + shift/scale)
 * is zero where x + shift/scale is. So the blocks hand one another x + shift/scale, the shift of the block that comes,
 * which costs nothing: it is part of the bias of whatever was added last, and is taken back in the same way. Zero
 * padding is then right, and the scale goes into the weights.
 *
 * @param shiftLimit a norm stays where it is if its shift is larger than this many standard deviations of what it is
 * added to: the sum would lose that much precision. 0 keeps all of these norms.
 */
export function foldNorms(network: Network, shiftLimit: number): Network {
  const { stem, blocks, head, pixels } = network
  const norms = blocks.map(({ norm1 }) => (norm1 && withinLimit(norm1, shiftLimit) ? norm1 : undefined))
  const carried = norms.map((norm, i) => (norm ? shiftOver(norm) : zeros(blocks[i]!.conv1.inputs)))
  const afterLast = zeros(head.featuresNorm.weight.length)

  const first = carried[0]
  return {
    ...network,
    pixels: { mean: pixels.mean, std: [1, 1, 1] },
    stem: {
      conv: foldAfter(
        foldScaleBefore(
          stem.conv,
          pixels.std.map((std) => 1 / std),
        ),
        stem.norm,
      ),
      activation:
        norms[0] && first ? { ...stem.activation, shift: Float32Array.from(first) } : stem.activation,
    },
    blocks: blocks.map((block, i) => foldBlock(block, norms[i], carried[i]!, carried[i + 1] ?? afterLast)),
    head: foldHead(head),
  }
}

/**
 * @param norm1 the norm to fold; undefined if it stays
 * @param comes what x is shifted by on its way into the block
 * @param goes what the block's result must be shifted by
 */
function foldBlock(
  block: Block,
  norm1: BatchNorm | undefined,
  comes: Float64Array,
  goes: Float64Array,
): Block {
  const conv1 = norm1 ? foldScaleBefore(block.conv1, affineOf(norm1).scale) : block.conv1
  const conv2 = foldAfter(block.conv2, block.norm3)
  const shortcut = block.shortcut && foldShortcut(block.shortcut, comes)
  return {
    ...(!norm1 && block.norm1 && { norm1: block.norm1 }),
    conv1: foldAfter(conv1, block.norm2),
    activation: block.activation,
    conv2: addBias(conv2, shortcut ? goes : goes.map((shift, i) => shift - comes[i]!)),
    ...(shortcut && { shortcut }),
  }
}

/** A mean commutes with what is done per channel, so norm and mean may change places. */
function foldShortcut({ normBefore, pools, conv, normAfter }: Shortcut, comes: Float64Array): Shortcut {
  const before = normBefore ? affineOf(normBefore) : identity(conv.inputs)
  return { pools, conv: foldAfter(unshifted(conv, before, comes), normAfter) }
}

/** conv(before(x)) from x + comes. */
function unshifted(conv: Convolution, { scale, shift }: Affine, comes: Float64Array): Convolution {
  return foldBefore(conv, { scale, shift: shift.map((value, i) => value - scale[i]! * comes[i]!) })
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
