/** Goals in other languages than English: the rules read none of them. */
import { isFunctionWord } from '../rag/answers/function-words.ts'
import type { Word } from './clause.ts'
import { agentOf, type Plan } from './plan.ts'

const NOT_ENGLISH = 'The rules read English only; a language model reads other languages.'
const OTHERS = ['de', 'fr', 'es', 'it', 'nl', 'pt', 'ru']

/** Function words tell: a text of another language has more of that language's than of English ones. */
export function isEnglish(words: readonly Word[]): boolean {
  const plain = words.filter(({ kind }) => kind === 'word').slice(0, 200)
  if (plain.length === 0) return true
  const latin = plain.filter(({ lower }) => /^[a-z'’-]+$/.test(lower)).length
  if (latin * 2 < plain.length) return false
  const english = plain.filter(
    ({ lower, norm }) => isFunctionWord(lower, ['en']) || norm !== lower || norm.endsWith('-doing'),
  ).length
  return OTHERS.every((language) => {
    const theirs = plain.filter(({ lower }) => isFunctionWord(lower, [language])).length
    return theirs < 2 || theirs <= english
  })
}

/** Documents may be in any language: a question goes to them; an order is not understood. */
export function otherLanguage(text: string, tools: readonly string[]): Plan {
  const question = text.trim()
  const isQuestion =
    /[?？؟]\s*$/u.test(question) && question.length <= 2000 && tools.includes('knowledge_ask')
  if (!isQuestion)
    return { steps: [], notDone: [{ text: question.slice(0, 200), why: NOT_ENGLISH }], language: 'other' }
  const reason = 'A question about what documents say.'
  const tool = 'knowledge_ask'
  return {
    steps: [{ id: 1, tool, arguments: { question }, reason, agent: agentOf(tool), when: null }],
    notDone: [],
    language: 'other',
  }
}
