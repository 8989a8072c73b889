/**
 * An ONNX model that keeps its weights in another file: the embedding of a picture, N×3×H×W float32, is the mean of each
 * of its channels plus one of three float32 numbers that the file holds.
 *
 * @param {string} location of the file, as the model has it
 * @param {Readonly<Record<string, string>>} [where] `offset` and `length` within it
 * @returns {Buffer}
 */
export function externalModel(location, where = {}) {
  const external = Object.entries({ location, ...where }).map(([key, value]) =>
    field(13, field(1, key), field(2, value)),
  )
  const graph = [
    field(1, field(1, 'image'), field(2, 'pooled'), field(4, 'GlobalAveragePool')),
    field(1, field(1, 'pooled'), field(2, 'means'), field(4, 'Flatten')),
    field(1, field(1, 'means'), field(1, 'weights'), field(2, 'embedding'), field(4, 'Add')),
    field(2, 'external'),
    field(5, number(1, 3), number(2, 1), field(8, 'weights'), ...external, number(14, 1)),
    field(11, field(1, 'image'), float32('N', 3, 'H', 'W')),
    field(12, field(1, 'embedding'), float32('N', 3)),
  ]
  return Buffer.concat([number(1, 8), field(7, ...graph), field(8, number(2, 17))])
}

/** @param {(number | string)[]} shape */
function float32(...shape) {
  const sizes = shape.map((size) => field(1, typeof size === 'number' ? number(1, size) : field(2, size)))
  return field(2, field(1, number(1, 1), field(2, ...sizes)))
}

/**
 * A field of protobuf: a string, or a message of fields.
 *
 * @param {number} id
 * @param {(string | Buffer)[]} content
 */
function field(id, ...content) {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)))
  return Buffer.concat([varint(id * 8 + 2), varint(bytes.length), bytes])
}

/**
 * @param {number} id
 * @param {number} value
 */
function number(id, value) {
  return Buffer.concat([varint(id * 8), varint(value)])
}

/** @param {number} value */
function varint(value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Buffer.from([...bytes, value])
}
