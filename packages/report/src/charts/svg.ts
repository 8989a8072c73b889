import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { Html } from '../page/html.js'

export interface ChartText {
  /** Unique on the page. */
  id: string
  title: string
  /** What a person sees in it, for those who do not. */
  description: string
}

/** Units across a chart: at this width its text is legible on a telephone. */
export const CHART_WIDTH = 480

/** What is used of a document: Observable Plot draws into one, and there is no browser here. */
interface Element {
  outerHTML: string
  textContent: string
  setAttribute(name: string, value: string): void
  removeAttribute(name: string): void
  prepend(...children: Element[]): void
  querySelector(selector: string): Element | null
  querySelectorAll(selector: string): Iterable<Element>
  remove(): void
}

/** Attributes that say where something is. */
const PLACES = / (?:d|transform|[xy][12]?|c[xy]|width|height)="[^"]*"/g

/** Draws a plot as markup that has its size from the page's style and its colours from the page's variables. */
export function drawChart({ id, title, description }: ChartText, options: Plot.PlotOptions): Html {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion: linkedom's types want those of a browser
  const document = parseHTML('<!doctype html><html></html>').document as unknown as {
    createElementNS(namespace: string, name: string): Element
  }
  // What `document` gives, Plot gives back.
  const svg = Plot.plot({ ...options, document } as unknown as Plot.PlotOptions) as unknown as Element
  // The page's policy allows no other style than its own.
  svg.querySelector('style')?.remove()
  // The picture has its title; its parts are not named again.
  for (const part of svg.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label')
  svg.removeAttribute('aria-label')
  svg.setAttribute('role', 'img')
  svg.setAttribute('class', 'plot')
  svg.setAttribute('aria-labelledby', `${id}-title`)
  svg.setAttribute('aria-describedby', `${id}-description`)
  const text = (name: string, content: string) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name)
    element.setAttribute('id', `${id}-${name === 'desc' ? 'description' : name}`)
    element.textContent = content
    return element
  }
  svg.prepend(text('title', title), text('desc', description))
  return new Html(shorter(svg.outerHTML))
}

/** Places to a tenth of a unit, which is less than a pixel. */
function shorter(markup: string): string {
  return markup.replaceAll(PLACES, (attribute) =>
    attribute.replaceAll(/\d+\.\d{2,}/g, (number) => String(Math.round(Number(number) * 10) / 10)),
  )
}

/** The powers of ten of a logarithmic axis. */
export function powersUpTo(most: number): number[] {
  return Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, i) => 10 ** i)
}

/** Leaves room for the name of an axis below its ticks. */
export const X_AXIS = { labelOffset: 40, labelAnchor: 'right' } as const
export const MARGINS = { marginLeft: 48, marginBottom: 46, marginRight: 12 } as const

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact' })

/** `500`, `1.5K`, `2M`. */
export function compact(value: number): string {
  return COMPACT.format(value)
}
