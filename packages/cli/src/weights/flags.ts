import { WEIGHTS_DEFAULTS } from '../defaults.js'
import { count, oneOrThreeNumbers, pixelSize, positiveUpTo } from '../flags.js'

/** Flags of `WeightsOptions`, for the commands that take weights. */
export const WEIGHTS_FLAGS = {
  'emb-dim': {
    type: 'string',
    coerce: count('emb-dim'),
    describe: "Length of an embedding; 25600: an iresnet's features before it. Left out: the model's",
  },
  'use-l2-norm': {
    type: 'boolean',
    default: WEIGHTS_DEFAULTS.useL2Norm,
    describe: 'Divide each embedding by its L2 norm',
  },
  precision: {
    choices: ['fp32', 'fp16', 'int8'] as const,
    describe: 'Arithmetic of PyTorch weights  [default: fp32; extract on GPUs: fp16]',
  },
  calibration: {
    type: 'string',
    describe:
      'Folder or list of images that int8 is calibrated with, and fp16 tried on. Left out: the first images of the input of extract',
  },
  'pixel-mean': {
    type: 'string',
    coerce: oneOrThreeNumbers('pixel-mean'),
    describe: 'Subtracted from each channel, 0–255: one number or three  [default: 127.5]',
  },
  'pixel-std': {
    type: 'string',
    coerce: oneOrThreeNumbers('pixel-std'),
    describe: 'Each channel is divided by it: one number or three  [default: 127.5]',
  },
  size: {
    type: 'string',
    coerce: pixelSize('size'),
    describe:
      'Size of the images, for a model that leaves it free, or PyTorch weights: 112, or width x height: 112x96  [default: 112]',
  },
  'bn-eps': {
    type: 'string',
    coerce: positiveUpTo('bn-eps', 0.01),
    describe: 'Epsilon of the batch norms of PyTorch weights  [default: 1e-5; 2e-5 in the layout of MagFace]',
  },
  channels: {
    choices: ['rgb', 'bgr'] as const,
    describe: 'Order of the channels; AdaFace: bgr  [default: rgb]',
  },
} as const
