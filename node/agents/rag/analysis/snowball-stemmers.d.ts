/** The package ships no types. */
declare module 'snowball-stemmers' {
  interface Stemmer {
    stem(word: string): string
  }
  const snowball: {
    /** An unknown name gives a stemmer that changes nothing. */
    newStemmer(algorithm: string): Stemmer
    algorithms(): string[]
  }
  export default snowball
}
