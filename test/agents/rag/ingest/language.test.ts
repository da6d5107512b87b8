import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { detectLanguage } from '../../../../node/agents/rag/ingest/language.ts'

const SAMPLES: Readonly<Record<string, string>> = {
  en: 'The river rises in the hills to the north of the town and flows through a valley that was once covered with forest. It is one of the few rivers from which people still drink.',
  de: 'Der Fluss entspringt in den Hügeln nördlich der Stadt und fließt durch ein Tal, das früher mit Wald bedeckt war. Er ist einer der wenigen Flüsse, aus denen die Menschen noch trinken.',
  fr: 'La rivière prend sa source dans les collines au nord de la ville et traverse une vallée qui était autrefois couverte de forêts. C’est une des rares rivières dont les gens boivent encore l’eau.',
  es: 'El río nace en las colinas al norte de la ciudad y atraviesa un valle que antes estaba cubierto de bosques. Es uno de los pocos ríos de los que la gente todavía bebe el agua.',
  it: 'Il fiume nasce sulle colline a nord della città e attraversa una valle che un tempo era coperta di boschi. È uno dei pochi fiumi dai quali la gente beve ancora.',
  nl: 'De rivier ontspringt in de heuvels ten noorden van de stad en stroomt door een dal dat vroeger met bos bedekt was. Het is een van de weinige rivieren waaruit mensen nog drinken.',
  sv: 'Floden rinner upp i bergen norr om staden och flyter genom en dal som en gång var täckt av skog. Det är en av de få floder som människor fortfarande dricker ur.',
  pl: 'Rzeka wypływa ze wzgórz na północ od miasta i płynie przez dolinę, która niegdyś była pokryta lasem. Jest to jedna z nielicznych rzek, z których ludzie wciąż piją wodę.',
  hu: 'A folyó a várostól északra fekvő dombok között ered, és egy völgyön folyik át, amelyet egykor erdő borított. Egyike azon kevés folyóknak, amelyekből az emberek még isznak.',
  ru: 'Река берёт начало на холмах к северу от города и течёт через долину, которая когда-то была покрыта лесом. Это одна из немногих рек, из которых люди всё ещё пьют воду.',
  ja: 'その川は町の北にある丘から流れ出し、かつて森に覆われていた谷を通って流れる。',
  zh: '这条河发源于城镇以北的山丘,流经一个曾经被森林覆盖的山谷。',
  ko: '강은 마을 북쪽의 언덕에서 시작하여 한때 숲으로 덮여 있던 계곡을 흐른다.',
  th: 'แม่น้ำไหลมาจากเนินเขาทางเหนือของเมืองและไหลผ่านหุบเขาที่เคยปกคลุมด้วยป่า',
  el: 'Ο ποταμός πηγάζει από τους λόφους βόρεια της πόλης και διασχίζει μια κοιλάδα.',
  he: 'הנהר נובע מהגבעות שמצפון לעיר וזורם דרך עמק שהיה פעם מכוסה ביער.',
}

test('the language of a paragraph', () => {
  for (const [language, text] of Object.entries(SAMPLES)) assert.is(detectLanguage(text), language)
})

test('too little, numbers, and a mixture say nothing', () => {
  for (const text of [
    '',
    'The end.',
    '3.14159 '.repeat(50),
    'id;name;value\n'.repeat(3),
    'https://example.org/ '.repeat(20),
  ])
    assert.is(detectLanguage(text), null, text)
})

test('of a long text its middle counts', () => {
  const contents = 'Kapitel 1 Anfang Kapitel 2 Mitte Kapitel 3 Ende Anhang Register '.repeat(20)
  assert.is(detectLanguage(contents + SAMPLES.en!.repeat(40)), 'en')
})

test.run()
