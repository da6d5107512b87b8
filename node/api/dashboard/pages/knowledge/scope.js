/** Where a search or a question looks: in the address of its view, and in what the API is asked. */

/**
 * @typedef {{ collection: string, mode: string, filters: string[], language: string, local: boolean, perDocument: number | null }} Scope
 * An empty text: all, or as it is usual.
 */

/** @type {Scope} */
export const EVERYWHERE = {
  collection: '',
  mode: '',
  filters: [],
  language: '',
  local: false,
  perDocument: null,
}

/** @param {string} text @returns {Scope} */
export function readScope(text) {
  const given = new URLSearchParams(text)
  const perDocument = Number(given.get('each'))
  return {
    collection: given.get('in') ?? '',
    mode: given.get('mode') ?? '',
    filters: given.getAll('where'),
    language: given.get('language') ?? '',
    local: given.get('local') === 'yes',
    perDocument: Number.isInteger(perDocument) && perDocument > 0 ? perDocument : null,
  }
}

/** @param {Scope} scope @returns {string} empty where nothing is chosen */
export function writeScope({ collection, mode, filters, language, local, perDocument }) {
  const given = new URLSearchParams()
  if (collection !== '') given.set('in', collection)
  if (mode !== '') given.set('mode', mode)
  for (const filter of filters) given.append('where', filter)
  if (language !== '') given.set('language', language)
  if (local) given.set('local', 'yes')
  if (perDocument !== null) given.set('each', String(perDocument))
  return given.toString()
}

/** As bodies of the API have it. @param {Scope} scope */
export const scopeBody = ({ collection, mode, filters, language, local, perDocument }) => ({
  ...(collection !== '' && { collections: [collection] }),
  ...(mode !== '' && { mode }),
  ...(filters.length > 0 && { filters }),
  ...(language !== '' && { language }),
  ...(local && { local: true }),
  ...(perDocument !== null && { perDocument }),
})

/** Choices that are not the usual ones. @param {Scope} scope */
export const countChoices = ({ mode, filters, language, local, perDocument }) =>
  [mode !== '', language !== '', local, perDocument !== null].filter(Boolean).length + filters.length
