import { html, type Content, type Html } from './html.js'

export interface Section {
  id: string
  title: string
  /** In the navigation: how many there are of what the section shows. */
  count?: string | undefined
  /** What is seen, and what can be done about it. */
  intro: Content
  /** Undefined where there is nothing to show, which the introduction says. */
  body?: Content
}

export function sectionMarkup({ id, title, count, intro, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title" tabindex="-1">
      ${title}${count !== undefined && html` <span class="count">${count}</span>`}
    </h2>
    <p class="intro">${intro}</p>
    ${body}
  </section>`
}

export function navigation(sections: readonly Section[]): Html {
  return html`<nav aria-label="Sections">
    <ol>
      ${sections.map(
        ({ id, title, count }) =>
          html`<li>
            <a href="#${id}">${title}${count !== undefined && html` <span class="count">${count}</span>`}</a>
          </li>`,
      )}
    </ol>
  </nav>`
}

/** Words and what they mean here; those without a value are left out. */
export function facts(entries: readonly (readonly [name: string, value: Content])[]): Html {
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        value !== undefined &&
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}
