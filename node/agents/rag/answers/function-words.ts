/**
 * Words that a question is put together with and that say nothing about its matter. The index keeps them (BM25 gives common words
 * little weight), but in a collection of papers `who` or `how` can be rarer than what is asked for.
 */
const WORDS: Readonly<Record<string, string>> = {
  en: `a about according actually all almost already also am an and any anyone are as at be because been being between but by called can could did do does
    done during each ever every exactly find for from give given gave had happen happened happens has have having he her here him his how i if in into is it
    its itself just kind know known like list long many may me might more most much must my name no nor not of off often old on one
    only or other our out over per please really same shall she should so some such tell than that the their them then there these they thing
    this those through to too under up us use used using very was we well were what whatever when where whether which while who whom whose why
    will with within without would you your`,
  de: `aber als am an auch auf aus bei bin bis bist da dass dem den der des die dies diese dieser dieses du durch ein eine einem einen
    einer eines er es etwa etwas für gibt hat hatte hatten heißt ich ihm ihn ihr ihre im in ins ist ja kann kein keine können man mein
    mit nach nicht noch nur ob oder sein seine sich sie sind so über um und uns unter vom von vor war waren warum was wann welche
    welchem welchen welcher welches wem wen wenn wer werden weshalb wessen wie wieso wieviel wird wo woher wohin wurde wurden zu zum zur viel viele`,
  fr: `a à ai au aux avec avoir c ce ces cet cette combien comment d dans de des dont du elle en est et été être eu fait il ils j je
    l la le les leur lui ma mais me même mes mon n ne nos notre nous on ont ou où par pas pour pourquoi qu quand que quel quelle quelles quels
    qui quoi s sa sans se ses son sont sur t ta te tes toi ton tu un une vos votre vous y`,
  es: `a al algo ante como cómo con cual cuál cuales cuáles cuando cuándo cuanta cuánta cuantas cuántas cuanto cuánto cuantos cuántos de del
    desde donde dónde e el él ella ellos en entre era es esta está este esto estos fue ha han hay la las le les lo los más me mi no nos o para
    pero por porqué que qué quien quién quienes quiénes se ser si sí sin sobre son su sus te tiene tu un una uno unos y ya`,
  it: `a ad ai al alla allo anche c che chi ci come con cosa cui da dal dalla dei del della delle di do dove è e ed era fu gli ha hanno i il
    in io l la le lei li lo loro lui ma mi ne nel nella no noi non o per perché più quale quali quando quanta quante quanti quanto quel questa questo
    qui se si sono su sua sue sui sul suo tra tu un una uno vi`,
  nl: `aan al als ben bij dan dat de der deze die dit doch door dus een en er had heb heeft hem het hij hoe hoeveel hun ik in is je kan kon
    maar me men met mij mijn naar niet nog nu of om omdat onder ons ook op over te tot u uit van veel voor waar waarom wanneer was wat we wel
    welk welke werd wie wij wordt zal ze zich zij zijn zo`,
  pt: `a à ao aos as às com como da das de do dos e é ela ele eles em entre era essa esse esta este eu foi há isso isto já lhe mais mas me meu
    minha muito na não nas no nos o onde os ou para pela pelo por porque qual quais quando quanta quantas quanto quantos que quem se sem ser seu sua são
    também te tem um uma você`,
  ru: `а бы был была были было быть в вам вас во вот все всё где да для до его ее её если есть еще ещё же за и из или им их к как какая какие какой
    какое когда который кто куда ли мы на над не него нет но о об он она они оно от по под почему при с сколько со так там то того тоже только том ты
    у уже что чтобы чем чей эта эти это этот я`,
}

const SETS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(WORDS).map(([language, words]) => [language, new Set(words.split(/\s+/))]),
)

/**
 * Chinese and Japanese are analysed into single characters and pairs. A pair with a letter of Hiragana is an ending, a particle or part
 * of a question; Chinese asks and joins with these.
 */
const FUNCTION_PAIR = /\p{Script=Hiragana}|[的了是有吗呢么谁哪几多些吧们這这嗎誰幾]|什么|怎样|为什|何[時人]/u
const MAX_PAIR_UNITS = 2

/** `word` in lower case. Without a known language those of English count. */
export function isFunctionWord(word: string, languages: readonly string[]): boolean {
  if (word.length <= MAX_PAIR_UNITS && FUNCTION_PAIR.test(word)) return true
  const known = languages.filter((language) => SETS.has(language))
  return (known.length === 0 ? ['en'] : known).some((language) => SETS.get(language)!.has(word))
}

const WORD = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu

/**
 * A question without its function words, in the language that most of them are of; as it is, where it has none or nothing else. In a
 * collection that asks nothing `how`, `do` and `my` are rare words, and a ranking by words goes after them.
 */
export function matterOf(question: string): string {
  const words = [...question.matchAll(WORD)]
  let most: { readonly own: ReadonlySet<string>; readonly count: number } | null = null
  for (const own of SETS.values()) {
    const count = words.filter(([word]) => own.has(word.toLowerCase())).length
    if (count > (most?.count ?? 0)) most = { own, count }
  }
  if (most === null || most.count === words.length) return question
  const { own } = most
  const left = question.replace(WORD, (word) => (own.has(word.toLowerCase()) ? ' ' : word))
  return left
    .replace(/\s+/g, ' ')
    .replace(/\s*[?？؟]\s*$/, '')
    .trim()
}
