/** What a block's tensors are called; norms and layers by the part before `.weight`. */
export interface BlockNames {
  norm1: string
  conv1: string
  norm2: string
  activation: string
  conv2: string
  norm3: string
  shortcut: { normBefore?: string; conv: string; normAfter: string }
}

/** What the tensors of an iresnet are called. */
export interface Dialect {
  name: 'revised' | 'arcface'
  stem: { conv: string; norm: string; activation: string }
  /** @param stage, block both from 0 */
  block: (stage: number, block: number) => BlockNames
  /** Whether shortcuts shrink by a mean over 2×2, or by the stride of their convolution. */
  poolsShortcut: boolean
  head: { featuresNorm: string; linear: string; embeddingNorm: string }
}

export const REVISED: Dialect = {
  name: 'revised',
  stem: { conv: 'stem.0', norm: 'stem.1', activation: 'stem.2' },
  block: (stage, block) => {
    const at = `body.${stage}.${block}`
    return {
      norm1: `${at}.bn1`,
      conv1: `${at}.conv1`,
      norm2: `${at}.bn2`,
      activation: `${at}.act1`,
      conv2: `${at}.conv2`,
      norm3: `${at}.bn3`,
      shortcut: {
        normBefore: `${at}.shortcut.0`,
        conv: `${at}.shortcut.2`,
        normAfter: `${at}.shortcut.3`,
      },
    }
  },
  poolsShortcut: true,
  head: { featuresNorm: 'head.0', linear: 'head.3', embeddingNorm: 'head.4' },
}

export const ARCFACE: Dialect = {
  name: 'arcface',
  stem: { conv: 'conv1', norm: 'bn1', activation: 'prelu' },
  block: (stage, block) => {
    const at = `layer${stage + 1}.${block}`
    return {
      norm1: `${at}.bn1`,
      conv1: `${at}.conv1`,
      norm2: `${at}.bn2`,
      activation: `${at}.prelu`,
      conv2: `${at}.conv2`,
      norm3: `${at}.bn3`,
      shortcut: { conv: `${at}.downsample.0`, normAfter: `${at}.downsample.1` },
    }
  },
  poolsShortcut: false,
  head: { featuresNorm: 'bn2', linear: 'fc', embeddingNorm: 'features' },
}
