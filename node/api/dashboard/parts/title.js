/** What of its page is shown, in the title of the window: `encoder · Models · Elm Street`. */
import { useContext, useEffect, useState } from '../lib/hooks.js'
import { Shown } from './live.js'

let detail = ''
/** @type {Set<(text: string) => void>} */
const listeners = new Set()

function say(text) {
  detail = text
  for (const listener of listeners) listener(text)
}

/** For a page: names what is shown of it while it is. @param {string} text empty: nothing in particular */
export function useTitle(text) {
  const shown = useContext(Shown)
  useEffect(() => {
    if (!shown || text === '') return undefined
    say(text)
    return () => say('')
  }, [text, shown])
}

/** For the frame: what was named last. */
export function useDetail() {
  const [text, setText] = useState(detail)
  useEffect(() => {
    listeners.add(setText)
    return () => listeners.delete(setText)
  }, [])
  return text
}
