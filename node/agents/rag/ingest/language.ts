/** Which language a text is written in: by its script, its function words, or its trigrams (franc-min: 82 languages). */
import { francAll } from 'franc-min'

/** ISO 639-3 as franc-min says it → ISO 639-1; a language that is not here has no two-letter code. */
const TWO_LETTERS: Readonly<Record<string, string>> = {
  ...{
    cmn: 'zh',
    spa: 'es',
    eng: 'en',
    rus: 'ru',
    arb: 'ar',
    ben: 'bn',
    hin: 'hi',
    por: 'pt',
    ind: 'id',
    jpn: 'ja',
  },
  ...{
    fra: 'fr',
    deu: 'de',
    jav: 'jv',
    kor: 'ko',
    tel: 'te',
    vie: 'vi',
    mar: 'mr',
    ita: 'it',
    tam: 'ta',
    tur: 'tr',
  },
  ...{
    urd: 'ur',
    guj: 'gu',
    pol: 'pl',
    ukr: 'uk',
    kan: 'kn',
    mal: 'ml',
    pes: 'fa',
    swh: 'sw',
    pan: 'pa',
    ron: 'ro',
  },
  ...{
    azj: 'az',
    hau: 'ha',
    mya: 'my',
    srp: 'sr',
    tha: 'th',
    nld: 'nl',
    ory: 'or',
    uzn: 'uz',
    yor: 'yo',
    hun: 'hu',
  },
  ...{
    amh: 'am',
    hrv: 'hr',
    zlm: 'ms',
    ell: 'el',
    khm: 'km',
    ibo: 'ig',
    ces: 'cs',
    sin: 'si',
    nep: 'ne',
    swe: 'sv',
  },
  ...{
    som: 'so',
    zul: 'zu',
    nob: 'nb',
    bul: 'bg',
    bos: 'bs',
    kat: 'ka',
    tir: 'ti',
    bel: 'be',
    heb: 'he',
    dan: 'da',
  },
  ...{
    fin: 'fi',
    slk: 'sk',
    kaz: 'kk',
    slv: 'sl',
    cat: 'ca',
    lit: 'lt',
    lav: 'lv',
    est: 'et',
    afr: 'af',
    als: 'sq',
  },
}

/** Longer samples are hardly told better, and trigrams of this many characters take half a millisecond. */
const SAMPLE_CHARACTERS = 600
/** With fewer, trigrams name a neighbour too often: 13 of 430 English questions from 60 characters on, none of 227 from 100. */
const MIN_CHARACTERS = 100
/** How much worse the second language has to fit (1 is the best, as franc counts). */
const MIN_LEAD = 0.02
/** Scripts that one language alone uses need fewer characters than trigrams do. */
const OWN_SCRIPTS: readonly { readonly language: string; readonly script: RegExp }[] = [
  { language: 'ja', script: /[\u3040-\u30ff]/g },
  { language: 'ko', script: /[\uac00-\ud7af]/g },
  { language: 'zh', script: /[\u4e00-\u9fff]/g },
  { language: 'th', script: /[\u0e00-\u0e7f]/g },
  { language: 'el', script: /[\u0370-\u03ff]/g },
  { language: 'he', script: /[\u0590-\u05ff]/g },
]

/**
 * The commonest short words of the languages that most texts are in. Where those of one language fill a sixth of a text, counting
 * them is as sure as trigrams and sixty times as fast.
 */
const FUNCTION_WORDS: Readonly<Record<string, string>> = {
  en: 'the of and to in is that for it was as are with by this be not or from at have which but were has can their',
  de: 'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat',
  fr: 'de la le et les des en un du une que est pour qui dans par plus pas au sur ne se ce il sont avec aux été cette',
  es: 'de la que el en y los se del las un por con no una su para es al lo como más pero sus le ha este son también',
  it: 'di e il la che in a per un del è con non una i le si della dei da al come sono più gli nel anche alla ha ma',
  pt: 'de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu são',
  nl: 'de van het een en in is dat op te zijn met voor niet aan er die om ook als bij maar door naar uit heeft wordt',
  ru: 'и в не на что с как это из к у за от так же о его но для до был она он они или бы ещё если которых которые которая',
  uk: 'і в на що не з до як та у за про це від але є він вона вони або для був була при також який яка які його',
  bg: 'и на да се в от за е са с не по като което при той със това са които или но до си през му има беше между',
  sv: 'och i att det som en på är av för med till den har de inte om ett men var sig så från vi kan när år också',
}
const LANGUAGES_BY_WORD = new Map<string, string[]>()
for (const [language, words] of Object.entries(FUNCTION_WORDS))
  for (const word of words.split(' '))
    LANGUAGES_BY_WORD.set(word, [...(LANGUAGES_BY_WORD.get(word) ?? []), language])
const MIN_FUNCTION_SHARE = 1 / 6
const MIN_FUNCTION_WORDS = 5
/** The second language may have at most this share of the words of the first. */
const MAX_SECOND = 0.5

function byFunctionWords(sample: string): string | null {
  const counts = new Map<string, number>()
  const words = sample.toLowerCase().split(' ')
  for (const word of words)
    for (const language of LANGUAGES_BY_WORD.get(word) ?? [])
      counts.set(language, (counts.get(language) ?? 0) + 1)
  const [first, second] = [...counts].sort((a, b) => b[1] - a[1])
  if (first === undefined || first[1] < Math.max(MIN_FUNCTION_WORDS, words.length * MIN_FUNCTION_SHARE))
    return null
  return (second?.[1] ?? 0) <= first[1] * MAX_SECOND ? first[0] : null
}

/** Letters only: numbers, addresses and marks say nothing of a language. */
function letters(text: string): string {
  return text
    .replace(/https?:\S+|[^\p{L}\p{M}'’ ]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
}

function byScript(sample: string): string | null {
  const total = sample.replaceAll(' ', '').length
  for (const { language, script } of OWN_SCRIPTS) {
    const share = (sample.match(script)?.length ?? 0) / total
    // Japanese is known by its syllables, between Chinese characters.
    if (share > (language === 'ja' ? 0.1 : 0.5) && total >= 10) return language
  }
  return null
}

/** ISO 639-1, or null where the text is too short or could be several. */
export function detectLanguage(text: string): string | null {
  // From the middle of a long text: beginnings are names, dates and legal notes.
  const from = text.length > 4 * SAMPLE_CHARACTERS ? Math.floor(text.length / 3) : 0
  const sample = letters(text.slice(from, from + 2 * SAMPLE_CHARACTERS)).slice(0, SAMPLE_CHARACTERS)
  const script = byScript(sample)
  if (script !== null) return script
  const common = byFunctionWords(sample)
  if (common !== null) return common
  if (sample.length < MIN_CHARACTERS) return null
  const [best, second] = francAll(sample)
  if (best === undefined) return null
  if (second !== undefined && best[1] - second[1] < MIN_LEAD) return null
  return TWO_LETTERS[best[0]] ?? null
}
