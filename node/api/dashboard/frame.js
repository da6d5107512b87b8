/** What is around every page: the header, the menu, the title, what is announced, and the page itself. */
import { Header } from './header.js'
import { useEffect, useLayoutEffect, useRef, useState } from './lib/hooks.js'
import { Navigation } from './navigation.js'
import { PAGES } from './pages.js'
import { html } from './parts/html.js'
import { Shown } from './parts/live.js'
import { PageHost } from './parts/page-host.js'
import { readPlace } from './parts/place.js'
import { useDetail } from './parts/title.js'
import { Problem } from './parts/widgets.js'
import { createStore } from './store.js'

const isPage = (name) => PAGES.some((page) => page.name === name)
const FIRST = [PAGES[0].name]

/** Where the reader is: the parts of the address. */
function usePlace() {
  const [place, setPlace] = useState(() => {
    const given = readPlace(location.hash)
    return isPage(given[0]) ? given : FIRST
  })
  useEffect(() => {
    const follow = () => {
      const given = readPlace(location.hash)
      setPlace(isPage(given[0]) ? given : FIRST)
    }
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return place
}

function useTitleOfWindow(...parts) {
  const title = parts.filter((part) => part).join(' · ')
  useEffect(() => {
    document.title = title
  }, [title])
}

export function Frame({ onRefused }) {
  const [state, setState] = useState({ live: false, error: null, announcement: '', tasks: {} })
  const store = useRef(null)
  // Before the first paint, not after it: what is asked for is on its way meanwhile.
  useLayoutEffect(() => {
    store.current = createStore({ onChange: setState, onRefused })
    return () => store.current?.stop()
  }, [])
  const [current, ...rest] = usePlace()
  const place = rest.join('/')
  const { title } = PAGES.find(({ name }) => name === current)
  const detail = useDetail()
  useTitleOfWindow(detail, title, state.status?.village?.name ?? state.status?.name ?? 'AIVillage')

  const [isOpen, setOpen] = useState(false)
  const heading = useRef(null)
  const before = useRef({ current, place })
  useEffect(() => {
    const { current: page, place: at } = before.current
    before.current = { current, place }
    if (page === current && at === place) return
    setOpen(false)
    const focused = document.activeElement
    // A link within the page keeps the focus while it is there; one to another page leads to its beginning.
    if (page !== current || focused === null || focused === document.body) {
      heading.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
  }, [current, place])
  const closeMenu = () => {
    setOpen(false)
    document.querySelector('.menu-button')?.focus()
  }
  const skip = (event) => {
    event.preventDefault()
    heading.current?.focus()
  }

  const opened = useRef(new Set())
  opened.current.add(current)
  const refresh = (...parts) => store.current?.refresh(...parts) ?? Promise.resolve()
  return html`<a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <${Header} state=${state} title=${title} isOpen=${isOpen} onMenu=${() => setOpen(!isOpen)} />
    <div class="frame">
      <${Navigation} state=${state} current=${current} isOpen=${isOpen} onLeave=${closeMenu} />
      <main id="content">
        <h1 class="page-title" tabindex="-1" ref=${heading}>${title}</h1>
        <${Problem} error=${state.error} />
        ${PAGES.map((page) =>
          page.name === current || (page.stays === true && opened.current.has(page.name))
            ? html`<div key=${page.name} class="page" hidden=${page.name !== current}>
                <${Shown.Provider} value=${page.name === current}>
                  <${PageHost} page=${page} state=${state} refresh=${refresh} place=${page.name === current ? rest : []} />
                <//>
              </div>`
            : null,
        )}
      </main>
    </div>
    <p class="hidden" aria-live="polite">${state.announcement}</p>`
}
