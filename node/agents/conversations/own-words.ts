/**
 * Whether a message is its writer's own throughout. People paste mails, pages and letters into their messages, and what those say of "me" is
 * said by somebody else. So the Twin learns only from messages that are short, plain, and not about a text; what it misses can be told
 * to it in so many words.
 */

const MOST_CHARACTERS = 400

/** Line breaks, quotes, code, markup, what a colon introduces, addresses: signs of something pasted or quoted. Clock times may have a colon. */
const FOREIGN_SIGNS =
  /[\r\n"“”„«»‹›‚`<>|{}[\]]|(?:^|\s)['‘’]|['‘’](?=[\s.,;!?)]|$)|:(?!\d)|\s[-–—]{1,3}\s|--|\w@\w|\bwww\.|https?/iu

/** Nouns and verbs of working on texts, and of telling what others said. */
const ABOUT_A_TEXT =
  /\b(?:summar(?:y|i[sz]e[ds]?|i[sz]ing)|translat\w*|rephras\w*|paraphras\w*|proof-?read\w*|rewrit\w*|reword\w*|correct|edit|review|explain|check|classify|quot(?:e|ed|es|ing|ation)|paste[ds]?|repl(?:y|ies|ied)|forward(?:ed)?|e-?mails?|mails?|letters?|messages?|texts?|sentences?|paragraphs?|phrases?|documents?|articles?|pages?|posts?|tweets?|comments?|transcripts?|notes?|poems?|lyrics|stor(?:y|ies)|scam|spam|phishing|following|follows|below|above|example|say(?:s|ing)?|said|sa(?:gt|gte)|tells?|told|writes?|wrote|written|reads?|asks?|asked|claims?|claimed|states?|stated|pretend\w*|imagine|suppose|role-?play\w*|act as)\b/iu

/** Pure. False also where it is in doubt. */
export function isOwnWords(said: string): boolean {
  const text = said.trim()
  return text.length <= MOST_CHARACTERS && !FOREIGN_SIGNS.test(text) && !ABOUT_A_TEXT.test(text)
}
