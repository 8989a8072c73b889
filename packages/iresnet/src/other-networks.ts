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

/** What the tensors of other networks tell of them, and the line of Python that makes an ONNX model of one. */
export function otherNetwork(names: Iterable<string>): string {
  const all = [...names]
  const [name, , pixels] = OTHERS.find(([, tensor]) => all.some((some) => tensor.test(some))) ?? [
    undefined,
    undefined,
    112,
  ]
  const axes =
    "input_names=['image'], output_names=['embedding'], dynamic_axes={'image': {0: 'N'}, 'embedding': {0: 'N'}}"
  return `${name ? `They are of ${name}. Of` : 'Of'} other networks ONNX models are taken, which Python makes: torch.onnx.export(model.eval(), torch.zeros(1, 3, ${pixels}, ${pixels}), 'model.onnx', ${axes})`
}
