/** Networks that are asked for and not read, by what their tensors alone are called, and the pictures that they take. */
const OTHERS: readonly (readonly [name: string, tensor: RegExp, pixels: number])[] = [
  ['a MobileFaceNet', /(?:^|\.)(?:conv_?2_?dw|conv_?23|conv_?6_?(?:sep|dw)|conv_sep)\./, 112],
  ['an EdgeFace', /(?:^|\.)stages\.\d+\.blocks\.\d+\.(?:xca\.|gamma_xca$|convs\.)/, 112],
  ['a FaceNet (InceptionResnetV1)', /(?:^|\.)(?:conv2d_1a|mixed_6a|repeat_1)\./, 160],
  ['a GhostFaceNet', /\.ghost[12]\./, 112],
  [
    'a vision transformer',
    /(?:^|\.)(?:patch_embed\.|patch_to_embedding\.|pos_embed|cls_token$|blocks\.\d+\.attn\.)/,
    112,
  ],
]

/** The line of Python that makes an ONNX model of another network and, where its tensors tell it, which that is. */
export function otherNetwork(names: Iterable<string>): string {
  const known = find(names)
  const [name, , pixels] = known ?? [undefined, undefined, 112]
  const axes =
    "input_names=['image'], output_names=['embedding'], dynamic_axes={'image': {0: 'N'}, 'embedding': {0: 'N'}}"
  return `${name ? `Its tensors are those of ${name}. Of` : 'Of'} other networks ONNX models are taken, which Python makes: torch.onnx.export(model.eval(), torch.zeros(1, 3, ${pixels}, ${pixels}), 'model.onnx', ${axes})`
}

export function isOtherNetwork(names: Iterable<string>): boolean {
  return find(names) !== undefined
}

function find(names: Iterable<string>): (typeof OTHERS)[number] | undefined {
  const all = [...names]
  return OTHERS.find(([, tensor]) => all.some((name) => tensor.test(name)))
}
