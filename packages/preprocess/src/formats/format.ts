/** What the header of a picture says about what decoding it takes. */
export interface PictureHeader {
  /** 0 where the file says so. */
  width: number
  height: number
  /** Bytes of a pixel while rows of the picture are resized. */
  pixelBytes: number
  /** Bytes that the decoder holds for the picture as a whole; 0 where it decodes row by row. */
  wholeBytes: number
  /** Whether libvips may decode at a half, a quarter or an eighth of the size. */
  shrinksOnLoad?: boolean
}

/** Pixels that need no decoder. */
export interface RawImage {
  /** height × width × 3 uint8, RGB. */
  data: Buffer
  width: number
  height: number
}

/** A format of pictures that is read. */
export interface PictureFormat {
  name: string
  /** Whether these are the first bytes of such a file. */
  isIn(bytes: Buffer): boolean
  /** @returns undefined where the header makes no sense, or goes on after these bytes */
  readHeader(bytes: Buffer): PictureHeader | undefined
  /** Whether the file goes on to where its picture ends. */
  isWhole(bytes: Buffer): boolean
  /**
   * What sharp is given.
   *
   * @throws Error with a short phrase for people
   */
  toInput(bytes: Buffer): Buffer | RawImage
}
