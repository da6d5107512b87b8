/** Small texts that a tiny model can learn something from, the same in every run. */
import { writeFileSync } from 'node:fs'

const ANIMALS = ['cat', 'hen', 'dog', 'rat', 'ant', 'hat']
const DEEDS = ['sat on', 'ran in', 'and']

export function trainingText(documents: number): string {
  const texts = Array.from({ length: documents }, (_, index) => {
    const animal = ANIMALS[index % ANIMALS.length]!
    const deed = DEEDS[(index * 7) % DEEDS.length]!
    return `the ${animal} ${deed} the ${ANIMALS[(index * 5 + 2) % ANIMALS.length]!} ${index % 10}`
  })
  return `${texts.join('\n\n')}\n`
}

export function writeTrainingText(file: string, documents = 60): string {
  writeFileSync(file, trainingText(documents))
  return file
}
