import type { Dialect } from './dialect.js'
import { IR } from './ir.js'
import { ARCFACE, REVISED } from './iresnet.js'

/** All that are known. */
export const DIALECTS: readonly Dialect[] = [REVISED, ARCFACE, IR]
