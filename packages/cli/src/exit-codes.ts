/** Exit statuses; the README documents them. */
export const EXIT = {
  ok: 0,
  /** Some images could not be read, and --strict was given. */
  failedImages: 1,
  /** A flag or its value is wrong. */
  usage: 2,
  /** Input, model or disk: the work could not be done. */
  failure: 3,
  /** 128 + SIGHUP: the terminal went away. */
  hungUp: 129,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGPIPE: the reader of the output went away. */
  brokenPipe: 141,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const
