/**
 * Ten short documents, twenty questions that they answer, each with a piece of the sentence that does, and ten questions of
 * other matters. Written for tests; the facts are of a made-up town, so that no model knows them.
 */
export interface LibraryDocument {
  readonly source: string
  readonly text: string
}

export const LIBRARY: readonly LibraryDocument[] = [
  {
    source: 'lighthouse.md',
    text: `# The lighthouse of Carrow Point

The lighthouse stands on the granite cliff at Carrow Point, north of the harbour. It was built in 1871 after the wreck of the
barque Adelheid. Its lamp is 41 metres above the water and can be seen for nineteen nautical miles.

The first keeper was Moira Tallis, who lived in the tower with three goats. Since 1986 the lamp has run without a keeper. An
electric motor turns the lens once every twelve seconds.

Visitors may climb the stairs on Sundays between May and September. The stairs have 164 steps.`,
  },
  {
    source: 'bakery.md',
    text: `# Hensley's bakery

Oskar Hensley opened the bakery in Mill Lane in 1932. The bakery is known for its rye bread with caraway, which is baked in a wood
oven. The oven holds sixty loaves at a time.

Today his granddaughter Petra Hensley runs the shop. She begins work at two in the morning. On Mondays the bakery is closed.

The sourdough is older than the shop: it was brought from Riga by Oskar's mother.`,
  },
  {
    source: 'river.md',
    text: `# The river Linnet

The Linnet rises in the Fenwick hills and flows into the sea at Carrow. It is 58 kilometres long. Salmon come up the river in
October.

A flood in March 1953 destroyed the old mill and the footbridge. Since then the water level has been measured every hour at a
gauge below the weir. The highest level on record is 4.2 metres.

Otters returned to the upper valley in 2004.`,
  },
  {
    source: 'library-rules.md',
    text: `# Rules of the town library

Members may borrow eight books at a time. A loan lasts four weeks and can be renewed twice, unless somebody else has asked for the
book. The fine for a late book is ten pence a day.

Children under twelve need the signature of a parent. Newspapers and maps cannot be taken home.

The reading room closes at eight in the evening on weekdays.`,
  },
  {
    source: 'railway.md',
    text: `# The branch line

The railway from Carrow to Ashby Junction was opened in 1889. The engineer was Samuel Orde, who also built the viaduct at Pell. The
viaduct has eleven arches of red brick.

Trains ran until 1964, when the line was closed because too few people used it. The track was lifted two years later. A cycle path
now follows the old route.

The station building is a pottery workshop today.`,
  },
  {
    source: 'bees.md',
    text: `# Keeping bees in Carrow

The beekeepers' club meets on the first Tuesday of the month. It has 37 members and looks after about two hundred hives.

In spring the hives stand in the orchards; in August they are carried to the moor for the heather. A good hive gives fifteen
kilograms of honey a year. The heather honey is so thick that it has to be pressed.

The worst enemy is the varroa mite. The club treats its hives with formic acid in late summer.`,
  },
  {
    source: 'hospital.txt',
    text: `The cottage hospital

The cottage hospital was founded by Dr. Edith Farran in 1908. It has twenty-four beds and a small operating theatre.
Patients with serious injuries are flown to Ashby by helicopter, which takes nine minutes.

Visiting hours are from two to six in the afternoon. Flowers are not allowed in the intensive care room.`,
  },
  {
    source: 'telescope.md',
    text: `# The school telescope

The telescope on the roof of the grammar school is a reflector with a mirror of 40 centimetres. The pupils ground the mirror
themselves in 1978 under their teacher Ivor Blaine.

With it they discovered a variable star in the constellation Lyra, which is listed as CP-17. The dome was painted green in 2011.

On clear Friday nights the observatory is open to everybody. Entry is free.`,
  },
  {
    source: 'ferry.md',
    text: `# The island ferry

The ferry Kittiwake crosses to Skerra island four times a day. The crossing takes thirty-five minutes. It carries 120 passengers
and six cars.

In winter the last boat leaves the island at four o'clock. When the wind is stronger than force nine the ferry stays in the
harbour. Dogs travel free of charge.

The captain is Hanna Roe, who has made the crossing since 1999.`,
  },
  {
    source: 'waste.md',
    text: `# Rubbish and recycling

Household rubbish is collected every second Wednesday. Put the grey bin at the kerb before six in the morning. Glass goes into the
green containers at the harbour.

Paint, batteries and oil must be taken to the depot in Quarry Road, which is open on Saturdays. Garden waste is turned into
compost and sold for three pounds a sack.`,
  },
]

export interface LibraryQuestion {
  readonly question: string
  readonly source: string
  /** In the sentence that answers. */
  readonly answer: string
}

export const ANSWERABLE: readonly LibraryQuestion[] = [
  {
    question: 'When was the lighthouse at Carrow Point built?',
    source: 'lighthouse.md',
    answer: 'built in 1871',
  },
  {
    question: 'Who was the first keeper of the lighthouse?',
    source: 'lighthouse.md',
    answer: 'Moira Tallis',
  },
  {
    question: 'How many steps do the stairs of the lighthouse have?',
    source: 'lighthouse.md',
    answer: '164 steps',
  },
  { question: 'Who runs the bakery today?', source: 'bakery.md', answer: 'Petra Hensley' },
  { question: 'Where was the sourdough brought from?', source: 'bakery.md', answer: 'from Riga' },
  { question: 'How long is the river Linnet?', source: 'river.md', answer: '58 kilometres' },
  { question: 'When do salmon come up the river?', source: 'river.md', answer: 'October' },
  { question: 'What did the flood of 1953 destroy?', source: 'river.md', answer: 'old mill' },
  {
    question: 'How many books may members of the library borrow?',
    source: 'library-rules.md',
    answer: 'eight books',
  },
  { question: 'What is the fine for a late book?', source: 'library-rules.md', answer: 'ten pence' },
  { question: 'Who was the engineer of the railway?', source: 'railway.md', answer: 'Samuel Orde' },
  { question: 'Why was the railway line closed?', source: 'railway.md', answer: 'too few people' },
  { question: 'How many arches does the viaduct have?', source: 'railway.md', answer: 'eleven arches' },
  { question: "When does the beekeepers' club meet?", source: 'bees.md', answer: 'first Tuesday' },
  { question: 'How much honey does a good hive give?', source: 'bees.md', answer: 'fifteen kilograms' },
  { question: 'Who founded the cottage hospital?', source: 'hospital.txt', answer: 'Edith Farran' },
  { question: 'What colour is the dome of the telescope?', source: 'telescope.md', answer: 'painted green' },
  { question: 'How long does the ferry crossing take?', source: 'ferry.md', answer: 'thirty-five minutes' },
  { question: 'Who is the captain of the ferry?', source: 'ferry.md', answer: 'Hanna Roe' },
  { question: 'Where do I take old paint and batteries?', source: 'waste.md', answer: 'Quarry Road' },
]

/** Twenty more, by which nothing was chosen before they were written. */
export const MORE_ANSWERABLE: readonly LibraryQuestion[] = [
  { question: 'How high above the water is the lamp?', source: 'lighthouse.md', answer: '41 metres' },
  { question: 'When can visitors climb the stairs?', source: 'lighthouse.md', answer: 'on Sundays' },
  { question: 'What turns the lens of the lighthouse?', source: 'lighthouse.md', answer: 'electric motor' },
  { question: 'When did Oskar Hensley open his bakery?', source: 'bakery.md', answer: 'in 1932' },
  { question: 'How many loaves fit into the oven?', source: 'bakery.md', answer: 'sixty loaves' },
  { question: 'On which day is the bakery closed?', source: 'bakery.md', answer: 'On Mondays' },
  { question: 'Where does the Linnet rise?', source: 'river.md', answer: 'Fenwick hills' },
  { question: 'When did otters return?', source: 'river.md', answer: 'in 2004' },
  { question: 'What is the highest water level on record?', source: 'river.md', answer: '4.2 metres' },
  { question: 'How long does a loan last?', source: 'library-rules.md', answer: 'four weeks' },
  {
    question: 'When does the reading room close?',
    source: 'library-rules.md',
    answer: 'at eight in the evening',
  },
  {
    question: 'What is the station building used for now?',
    source: 'railway.md',
    answer: 'pottery workshop',
  },
  { question: 'Until what year did trains run?', source: 'railway.md', answer: 'until 1964' },
  { question: "How many members does the beekeepers' club have?", source: 'bees.md', answer: '37 members' },
  { question: 'What is the worst enemy of the bees?', source: 'bees.md', answer: 'varroa mite' },
  { question: 'How many beds does the hospital have?', source: 'hospital.txt', answer: 'twenty-four beds' },
  {
    question: 'Are flowers allowed in the intensive care room?',
    source: 'hospital.txt',
    answer: 'Flowers are not allowed',
  },
  { question: 'Which star did the pupils discover?', source: 'telescope.md', answer: 'CP-17' },
  { question: 'How many passengers does the Kittiwake carry?', source: 'ferry.md', answer: '120 passengers' },
  {
    question: 'How often is household rubbish collected?',
    source: 'waste.md',
    answer: 'every second Wednesday',
  },
]

export const UNANSWERABLE: readonly string[] = [
  'What is the boiling point of nitrogen?',
  'Who wrote the opera about the flying Dutchman?',
  'How many goals were scored in the football final?',
  'Which vitamin prevents scurvy among sailors?',
  'When was the castle of the duke besieged?',
  'How tall is the tallest oak tree in the royal forest?',
  'What does a tax on imported wine amount to?',
  'How is insulin produced by genetically modified bacteria?',
  'Who teaches Latin grammar at the evening college?',
  'Which programming language is used for the website of the mayor?',
]

/** Of the same matters, with most of the words of a document, and not answered: what counting words cannot tell. */
export const NEAR_MISSES: readonly string[] = [
  'Who painted the lighthouse at Carrow Point?',
  'How many windows does the lighthouse have?',
  'What does a loaf of rye bread cost at the bakery?',
  'How deep is the river Linnet at the weir?',
  'Who built the new footbridge over the Linnet?',
  'What is the fee for joining the town library?',
  'How much did the railway viaduct cost?',
  'How many nurses work at the cottage hospital?',
  'Which company made the engine of the ferry?',
  'When was the telescope last repaired?',
]
