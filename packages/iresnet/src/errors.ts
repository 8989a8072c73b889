import { FacekitError } from '@facekit/core'

/** What is wrong with weights. */
export type IresnetErrorCode =
  /** The file cannot be read, is damaged, or is no PyTorch file. */
  | 'TORCH_FILE'
  /** The file asks for something that is not a tensor or a plain container: nothing of it is executed. */
  | 'TORCH_GLOBAL'
  /** The tensors are not those of an iresnet. */
  | 'IRESNET_TENSORS'
  /** The weights take pictures of another size than 112×112, which they leave open. */
  | 'IRESNET_SIZE'
  /** Numbers leave the range of the precision. */
  | 'IRESNET_RANGE'

/** Weights that cannot be used. */
export class IresnetError extends FacekitError {
  declare readonly code: IresnetErrorCode

  constructor(code: IresnetErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
