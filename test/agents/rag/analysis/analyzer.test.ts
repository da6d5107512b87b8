import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { analyze, analyzePhrase, analyzeQuery } from '../../../../node/agents/rag/analysis/analyzer.ts'

const analysis = suite('analyzer')

function terms(text: string, language: string | null = 'en'): string {
  return analyze(text, language)
    .map(({ term }) => term)
    .join(' ')
}

/** Whether a phrase of the query stands in the text, as the index sees both. */
function holds(text: string, query: string, language: string | null): boolean {
  const words = analyze(text, language).map(({ term }) => term)
  const wanted = analyze(query, language).map(({ term }) => term)
  assert.ok(wanted.length > 0)
  return words.some((_, start) => wanted.every((term, offset) => words[start + offset] === term))
}

analysis('words of one stem are one term, by language', () => {
  for (const [language, one, other] of [
    ['en', 'Running generously', 'runs generous'],
    ['en', 'the cat’s', "the cat's"],
    ['de', 'Häuser', 'Haus'],
    ['de', 'schöne', 'schönen'],
    ['fr', 'continuellement', 'continuelle'],
    ['es', 'canciones', 'canción'],
    ['it', 'abbandonata', 'abbandonate'],
    ['pt', 'quilométricas', 'quilométrica'],
    ['nl', 'lichamelijk', 'lichamelijke'],
    ['sv', 'jaktkarlarne', 'jaktkarlens'],
    ['ru', 'книгами', 'книга'],
    ['ar', 'والمدرسة', 'المدرسة'],
    ['ar', 'كتابها', 'الكتاب'],
    ['tr', 'evler', 'EVLER'],
  ] as const)
    assert.is(terms(one, language), terms(other, language), `${language}: ${one} ${other}`)
  assert.is.not(terms('universe', 'en'), terms('diverse', 'en'))
})

analysis('accents, case, width and composition do not matter where they are ornaments', () => {
  for (const [one, other] of [
    ['Café', 'cafe'],
    ['cafe\u0301', 'café'],
    ['ＡＢＣ', 'abc'],
    ['ﬁne', 'fine'],
    ['naïve', 'naive'],
    ['STRASSE', 'straße'],
    ['ΟΔΌΣ', 'οδος'],
    ['soft\u00adhyphen', 'softhyphen'],
    ['Ⅷ', 'viii'],
  ] as const)
    assert.is(terms(one, null), terms(other, null), one)
  assert.is.not(terms('мой', 'ru'), terms('мои', 'xx'), 'й is a letter of its own')
})

analysis('names in code are found whole and by their words', () => {
  assert.is(terms('parseJsonFile'), 'parsejsonfil pars json file')
  assert.is(terms('snake_case_name'), 'snake_case_nam snake case name')
  assert.is(terms('HTTPServer2Go'), 'httpserver2go http server2 go')
  assert.is(terms('mRNA PDFs __init__ NASA'), 'mrna m rna pdfs init nasa')
  assert.ok(holds('calls readFileSync here', 'read file', 'en'))
  assert.ok(holds('calls read_file_sync here', 'file sync', 'en'))
  assert.ok(holds('calls readFileSync here', 'readFileSync', 'en'))
})

analysis('French and Italian words part at an apostrophe, English ones do not', () => {
  assert.is(terms("l'eau d’Italie", 'fr'), 'l eau d ital')
  assert.is(terms("dell'arte", 'it'), 'dell arte')
  assert.is(terms("don't", 'en'), "don't")
})

analysis(
  'a Latin word in a text of another script is English; an unknown language is read as English',
  () => {
    for (const language of [null, 'en', 'en-GB', 'ru', 'zh', 'ja', 'ar', 'th', 'ko'])
      assert.is(terms('connections', language), 'connect', String(language))
    for (const language of ['pl', 'vi', 'id']) assert.is(terms('connections', language), 'connections')
  },
)

analysis('a word inside a Chinese, Japanese or Korean compound is found, and no other', () => {
  assert.is(terms('东京大学', 'zh'), '东 东京 京 京大 大 大学 学')
  for (const [text, query, language] of [
    ['中华人民共和国', '人民', 'zh'],
    ['中华人民共和国', '共和国', 'zh'],
    ['中华人民共和国', '国', 'zh'],
    ['東京特許許可局', '特許', 'ja'],
    ['国際ﾃﾞｰﾀﾍﾞｰｽ', 'データベース', 'ja'],
    ['データベース管理', 'ベース', 'ja'],
    ['한국어를 배우다', '한국어', 'ko'],
    ['인공지능연구소', '지능', 'ko'],
  ] as const)
    assert.ok(holds(text, query, language), `${query} in ${text}`)
  assert.not(holds('东方北京', '东京', 'zh'), 'characters of two words are no word')
  assert.ok(holds('使用 React 框架', 'react', 'zh'))
})

analysis('any part of a Chinese text is found in it as a phrase', () => {
  const text = fc.array(fc.constantFrom(...'天地玄黄宇宙洪荒日月'), { minLength: 2, maxLength: 30 })
  fc.assert(
    fc.property(text, fc.nat(), fc.nat(), (characters, a, b) => {
      const start = a % characters.length
      const end = start + 1 + (b % (characters.length - start))
      assert.ok(holds(characters.join(''), characters.slice(start, end).join(''), 'zh'))
    }),
  )
})

analysis('Thai is cut into words', () => {
  const words = terms('ประเทศไทยตั้งอยู่ในเอเชีย', 'th').split(' ')
  assert.ok(words.includes('ใน') && words.includes('เอเชีย'), words.join(' '))
  assert.ok(holds('ประเทศไทยตั้งอยู่ในเอเชีย', 'เอเชีย', 'th'))
})

analysis('emoji are terms; halves of surrogate pairs and signs are none', () => {
  assert.is(terms('🚀 launch 👩‍🔬!'), '🚀 launch 👩 🔬')
  assert.is(terms('\ud83d x \ude80'), 'x')
  assert.is(terms('… — ½ ™ © ± \u0301 \u200d'), '1 2')
  assert.is(terms('㎏ ㍿', 'ja'), 'k kg g 株 株式 式 式会 会 会社 社')
  assert.is(terms('𠮷野家', 'ja'), '𠮷 𠮷野 野 野家 家', 'Han beyond the basic plane')
})

analysis('offsets are those of the text as it was given', () => {
  const text = "ﬁne ½ cafe\u0301 l'eau ｶﾞｽ 👩‍🔬 parseJson 東京 ประเทศไทย 𠮷"
  for (const language of ['en', 'fr', 'ja', 'th']) {
    let last = 0
    for (const { term, start, end } of analyze(text, language)) {
      assert.ok(start < end && end <= text.length && start >= last - 10, `${term} ${start} ${end}`)
      last = start
      // The very span, read alone, holds the term.
      assert.ok(terms(text.slice(start, end), language).split(' ').includes(term), `${language} ${term}`)
    }
  }
  const spans = analyze('Die Häuser', 'de').map(({ start, end }) => [start, end])
  assert.equal(spans, [
    [0, 3],
    [4, 10],
  ])
  assert.equal(analyze('parseJson', 'en')[2], { term: 'json', start: 5, end: 9 })
  assert.equal(analyze('cafe\u0301 x', 'en')[0], { term: 'cafe', start: 0, end: 5 })
})

analysis('any text gives short, well-formed terms within it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)),
      ),
      fc.constantFrom(null, 'en', 'fr', 'tr', 'ar', 'zh', 'th', 'ta', 'xx', '??'),
      (text, language) => {
        const tokens = analyze(text, language)
        for (const { term, start, end } of tokens) {
          assert.ok(term.length > 0 && term.length <= 64 && term.isWellFormed(), JSON.stringify(term))
          assert.ok(start >= 0 && start < end && end <= text.length)
        }
        assert.equal(analyze(text, language), tokens, 'the same once more')
      },
    ),
    { numRuns: 400 },
  )
})

analysis('a word of ten million letters is one short term, and quickly read', () => {
  for (const letter of ['a', 'é', 'ä\u0301', 'aB', 'a_']) {
    const text = `before ${letter.repeat(10_000_000 / letter.length)}x after`
    const tokens = analyze(text, 'en')
    assert.is(tokens.length, 3, letter)
    assert.ok(tokens[1]!.term.length <= 64)
    assert.is(tokens[1]!.end, text.length - 6)
  }
  assert.ok(analyze('ก'.repeat(1_000_000), 'th').length > 0)
})

analysis('a query has of each word the terms of all languages', () => {
  assert.equal(analyzeQuery('running houses', ['en', 'de']), [
    { terms: ['run', 'running'], start: 0, end: 7 },
    { terms: ['hous'], start: 8, end: 14 },
  ])
  assert.equal(
    analyzeQuery("l'eau parseJson", ['en', 'fr']).map((word) => word.terms),
    [["l'eau"], ['l'], ['eau'], ['parsejson'], ['pars'], ['json']],
  )
  assert.equal(analyzeQuery('Houses', []), [{ terms: ['hous'], start: 0, end: 6 }])
  assert.equal(analyzeQuery('  !? ', ['en']), [])
})

analysis('a phrase has one sequence for each way to read it', () => {
  assert.equal(analyzePhrase('running houses', ['en', 'de', null]), [
    ['run', 'hous'],
    ['running', 'hous'],
  ])
  assert.equal(analyzePhrase("l'eau", ['en', 'fr']), [["l'eau"], ['l', 'eau']])
  assert.equal(analyzePhrase('...', ['en']), [])
})

analysis.run()
