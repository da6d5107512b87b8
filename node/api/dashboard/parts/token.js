/**
 * The token: it comes in the fragment of the link that `village start` prints (browsers never send a fragment), is taken out of the
 * address at once, and is kept for this tab alone.
 */
const KEY = 'village.token'

/** @returns {string | null} */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    sessionStorage.setItem(KEY, given)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem(KEY)
}

/** @param {string} token */
export const keepToken = (token) => sessionStorage.setItem(KEY, token)
export const forgetToken = () => sessionStorage.removeItem(KEY)
export const authorization = () => `Bearer ${sessionStorage.getItem(KEY) ?? ''}`
