/** Keeps what fails in one page to that page: the menu and the other pages go on. */
import { Component } from '../lib/preact.js'
import { html } from './html.js'
import { Problem } from './widgets.js'

/** `name`: what is within, in words; `at`: where the reader is: going elsewhere shows it anew. */
export class Boundary extends Component {
  constructor(props) {
    super(props)
    this.state = { error: null }
  }

  componentDidCatch(error) {
    console.error(error)
    this.setState({ error })
  }

  componentDidUpdate(before) {
    if (this.state.error !== null && before.at !== this.props.at) this.setState({ error: null })
  }

  render({ name, children }, { error }) {
    if (error === null) return children
    const told = {
      message: `${name} could not be shown: ${error.message}`,
      fix: 'The daemon goes on, and so do the other pages. Show it again; where that does not help, tell the project what you did.',
    }
    return html`<${Problem} error=${told} />
      <button type="button" onClick=${() => this.setState({ error: null })}>Show it again</button>`
  }
}
