import { css, darker, mix } from './color.js'
import type { Conditions } from './conditions.js'
import { poseHead, SIZE } from './head.js'
import type { Identity } from './identity.js'
import { drawBeard, drawMoustache } from './parts/beard.js'
import { drawBrows, drawEyes, drawGlasses } from './parts/eyes.js'
import { drawHairBehind, drawHairInFront } from './parts/hair.js'
import { drawMouth, drawNose } from './parts/nose-mouth.js'
import { drawSkinMarks } from './parts/skin-marks.js'
import { drawEars, drawLight, drawNeck, drawOcclusion, drawSkull } from './parts/skull.js'
import { createRandom } from './random.js'
import { dot, element, filled, linearGradient, softSpot } from './svg.js'

/** One picture of one person as an SVG: what is further away is drawn first. */
export function drawFace(identity: Identity, conditions: Conditions): string {
  const head = poseHead(identity, conditions)
  const spots =
    softSpot('blush', css(mix(identity.skin, [206, 70, 74], 0.75)), identity.blush) +
    softSpot('socket', css(darker(identity.skin, 0.5)), 0.42)

  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width: SIZE, height: SIZE, viewBox: `0 0 ${SIZE} ${SIZE}` },
    [
      spots,
      drawBackground(conditions),
      drawHairBehind(identity, head),
      drawNeck(identity, conditions, head),
      drawEars(identity, head),
      drawSkull(identity, conditions, head),
      drawSkinMarks(identity, head),
      drawBeard(identity, head),
      drawNose(identity, conditions, head),
      drawMouth(identity, conditions, head),
      drawMoustache(identity, conditions, head),
      drawEyes(identity, conditions, head),
      drawBrows(identity, conditions, head),
      drawHairInFront(identity, head),
      drawGlasses(identity, head),
      drawLight(conditions),
      drawOcclusion(conditions),
    ].join(''),
  )
}

function drawBackground({ background }: Conditions): string {
  const random = createRandom(background.seed)
  const blobs = Array.from({ length: background.blobs }, () =>
    dot(
      [random.between(0, SIZE), random.between(0, SIZE)],
      random.between(4, 22),
      css(random.chance(0.5) ? background.from : background.to),
      { opacity: random.between(0.3, 0.9) },
    ),
  )
  const gradient = linearGradient('background', background.angle, [
    [0, css(background.from)],
    [1, css(background.to)],
  ])

  return gradient + filled(`M0 0H${SIZE}V${SIZE}H0Z`, 'url(#background)') + blobs.join('')
}
