'use strict'
{
  const pictures = JSON.parse(document.getElementById('pictures').textContent)
  const status = document.querySelector('.status')

  // A picture is decoded when it comes near the view, and once it is to be printed.
  const show = (image) => {
    if (!image.src) image.src = `data:image/webp;base64,${pictures[image.dataset.row].data}`
  }
  const images = document.querySelectorAll('img[data-row]')
  const coming = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue
        show(target)
        coming.unobserve(target)
      }
    },
    { rootMargin: '800px' },
  )
  for (const image of images) coming.observe(image)
  addEventListener('beforeprint', () => images.forEach(show))

  // The path of the face under the pointer or with the focus, where it stays in view.
  let fading
  const say = (text) => {
    clearTimeout(fading)
    status.hidden = text === ''
    status.textContent = text
  }
  const faceOf = ({ target }) => target.closest?.('.face')
  const tell = (event) => {
    const face = faceOf(event)
    if (face) say(face.dataset.path)
  }
  const hush = (event) => {
    if (faceOf(event)) fading = setTimeout(say, 400, '')
  }
  addEventListener('pointerover', tell)
  addEventListener('focusin', tell)
  addEventListener('pointerout', hush)
  addEventListener('focusout', hush)

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      // Browsers that keep the clipboard from files on the disk have this.
      const field = document.body.appendChild(document.createElement('textarea'))
      field.value = text
      field.select()
      const isCopied = document.execCommand('copy')
      field.remove()
      if (!isCopied) throw new Error('no clipboard')
    }
  }
  addEventListener('click', async (event) => {
    const face = faceOf(event)
    if (!face) return
    try {
      await copy(pictures[face.dataset.row].path)
      say(`Copied ${face.dataset.path}`)
    } catch {
      say(`Cannot copy ${face.dataset.path}`)
    }
    face.focus()
  })

  // One stop for each row of faces: a page of a thousand buttons could not be left by the tabulator.
  const STEPS = { ArrowRight: 1, ArrowLeft: -1 }
  const LINES = { ArrowDown: 1, ArrowUp: -1 }

  // The face below or above, where the row of faces is wrapped; none beyond its lines, and the page scrolls.
  const across = (faces, at, step) => {
    const place = (face) => face.getBoundingClientRect()
    const here = place(faces[at])
    let to = at
    while (faces[to] && place(faces[to]).top === here.top) to += step
    if (!faces[to]) return undefined
    const aside = (i) => Math.abs(place(faces[i]).left - here.left)
    const { top } = place(faces[to])
    for (let i = to; faces[i] && place(faces[i]).top === top; i += step) if (aside(i) < aside(to)) to = i
    return to
  }
  for (const sheet of document.querySelectorAll('.sheet')) {
    const faces = [...sheet.querySelectorAll('.face')]
    faces.forEach((face, i) => (face.tabIndex = i === 0 ? 0 : -1))
    const enter = (face) => {
      for (const other of faces) other.tabIndex = other === face ? 0 : -1
    }
    sheet.addEventListener('focusin', (event) => enter(faceOf(event)))
    sheet.addEventListener('keydown', (event) => {
      const at = faces.indexOf(faceOf(event))
      const line = LINES[event.key]
      const to =
        line === undefined
          ? ({ Home: 0, End: faces.length - 1 }[event.key] ?? at + (STEPS[event.key] ?? NaN))
          : across(faces, at, line)
      if (!faces[to]) return
      event.preventDefault()
      faces[to].focus()
    })
  }

  // The navigation says where one is.
  const links = new Map([...document.querySelectorAll('nav a')].map((link) => [link.hash.slice(1), link]))
  const seen = new Set()
  const nav = document.querySelector('nav')
  const mark = () => {
    const ids = [...links.keys()]
    // The last sections may be too short to come up as far as the others.
    const isEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 1
    const current = isEnd ? ids.at(-1) : ids.find((id) => seen.has(id))
    const link = links.get(current)
    if (link?.hasAttribute('aria-current')) return
    for (const other of links.values()) other.removeAttribute('aria-current')
    if (!link) return
    link.setAttribute('aria-current', 'true')
    if (nav.scrollWidth > nav.clientWidth)
      nav.scrollLeft = link.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2
  }
  const reading = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) seen.add(target.id)
        else seen.delete(target.id)
      }
      mark()
    },
    { rootMargin: '-25% 0px -60% 0px' },
  )
  addEventListener('scroll', mark, { passive: true })
  for (const id of links.keys()) reading.observe(document.getElementById(id))
}
