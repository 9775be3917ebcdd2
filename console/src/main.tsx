import { render } from 'preact'
import { App } from './app'
import { follow } from './lib/state'
import './styles/base.css'
import './styles/parts.css'
import './styles/pages.css'
import 'uplot/dist/uPlot.min.css'

const root = document.getElementById('app')
if (root !== null) {
  root.replaceChildren()
  render(<App />, root)
  void follow()
}
