import { existsSync } from 'node:fs'

/** Of Debian's package chromium, and where others put it. */
const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/**
 * The browser that pages are tested in.
 *
 * @returns {string | undefined} undefined where none is installed
 * @throws Error in CI where none is
 */
export function chromium() {
  const program = PROGRAMS.find((path) => existsSync(path))
  if (program === undefined && process.env.CI)
    throw new Error('CI opens pages in a browser: install chromium')
  return program
}
