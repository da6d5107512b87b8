/** Whether a text asks, or states something or names words to look for. */

/** Words that open a question, by language: en, de, fr, es, it, nl, pt, ru. */
const OPENERS = `
  who whom whose what when where which why how is are was were do does did can could may might should has have
  wer wem wen wessen was wann wo woher wohin welche welcher welches warum weshalb wieso wie ist sind hat haben kann
  qui que quoi quand où quel quelle quels quelles pourquoi comment combien est-ce
  quién quiénes qué cuándo dónde cuál cuáles cómo cuánto cuánta cuántos cuántas
  chi cosa quale quali perché quanto quanta quanti quante dove
  wie wat waar wanneer waarom welk hoe hoeveel
  quem qual quais onde quantos quantas
  кто что когда где куда какой какая какие какое почему как сколько
`
const WORDS = new Set(OPENERS.trim().split(/\s+/))
/** `At what hour …`, `Of which …`: the word that asks comes second. */
const PREPOSITIONS = new Set(
  'about after at by during for from in into of on since to under until with within an auf aus bei in mit nach von à de en par'.split(
    ' ',
  ),
)
const MARK = /[?？؟]["'”’)\]]*\s*$/

export function isInterrogative(text: string): boolean {
  if (MARK.test(text)) return true
  const [first = '', second = ''] = text.toLowerCase().match(/[\p{L}-]+/gu) ?? []
  return WORDS.has(first) || (PREPOSITIONS.has(first) && WORDS.has(second))
}
