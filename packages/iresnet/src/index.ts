export { IresnetError } from './errors.js'
export type { IresnetErrorCode } from './errors.js'

export { openStateDict } from './torch-file/open-state-dict.js'
export type { StateDict } from './torch-file/state-dict.js'
export type { TorchDtype, TorchTensor } from './torch-file/torch-tensor.js'
export { isTorchFile } from './torch-file/is-torch-file.js'
export { loadIresnet } from './load-iresnet.js'
export type { LoadIresnetOptions } from './load-iresnet.js'
export type { PictureSize } from './picture-size.js'
export type {
  Activation,
  BatchNorm,
  Block,
  Convolution,
  Head,
  Layer,
  Network,
  Pool,
  SqueezeExcitation,
} from './network.js'
export { foldNorms } from './fold.js'
export { buildIresnet } from './build-iresnet.js'
export type { BuildIresnetOptions, IresnetOutput, Precision } from './build-iresnet.js'
export { calibrationModel } from './calibration.js'
export type { Calibration } from './calibration.js'
export { magnitudeModel } from './magnitudes.js'
export type { ActivationRanges, Range } from './int8.js'
