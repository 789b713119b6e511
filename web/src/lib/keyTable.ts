// The keys as the dialog names them, each row with the codes that are bound for it (tests/keyTable.test.ts holds them
// against the source).
import type { Key } from './i18n.svelte'

export interface KeyRow {
  label: Key
  keys: string[]
  /** Words between keys: "or" for a choice, "then" for a sequence, "" for keys pressed together. */
  joint: Key | ''
  bound: string[]
}

const row = (label: Key, keys: string[], joint: Key | '', ...bound: string[]): KeyRow => ({
  label,
  keys,
  joint,
  bound,
})

export const KEY_TABLE: KeyRow[] = [
  row('keys.palette', ['Ctrl', 'K'], '', 'keys KeyK'),
  row('keys.search', ['/'], '', 'keys Slash', 'keys /'),
  row('keys.find', ['Ctrl', 'F'], '', 'Conversation KeyF'),
  row('keys.send', ['Enter'], '', 'Composer Enter'),
  row('keys.new_line', ['Shift', 'Enter'], ''),
  row('keys.neighbour', ['Alt ↑', 'Alt ↓'], 'keys.or', 'keys ArrowUp', 'keys ArrowDown'),
  row('keys.messages', ['J', 'K'], '', 'keys KeyJ', 'MessageLog KeyJ', 'MessageLog KeyK'),
  row(
    'keys.move',
    ['↑', '↓', 'Home', 'End'],
    '',
    'keys Home',
    'keys End',
    'MessageLog ArrowUp',
    'MessageLog ArrowDown',
    'MessageLog End',
  ),
  row(
    'keys.menu',
    ['Enter', 'Shift F10', '≣'],
    'keys.or',
    'messageKeys Enter',
    'messageKeys F10',
    'messageKeys ContextMenu',
    'longPress F10',
    'longPress ContextMenu',
  ),
  row('keys.reply', ['R'], '', 'messageKeys KeyR'),
  row('keys.edit', ['E'], '', 'messageKeys KeyE'),
  row('keys.edit_last', ['↑'], '', 'Composer ArrowUp'),
  row('keys.delete', ['Del'], '', 'messageKeys Delete'),
  row('keys.marks', ['Ctrl B', 'Ctrl I', 'Ctrl E'], 'keys.or', 'marks KeyB', 'marks KeyI', 'marks KeyE'),
  row(
    'keys.more_marks',
    ['Ctrl K', 'Ctrl Shift X', 'Ctrl Shift P'],
    'keys.or',
    'Composer KeyK',
    'marks KeyX',
    'marks KeyP',
  ),
  row('keys.new_chat', ['Ctrl', 'Alt', 'N'], '', 'keys KeyN'),
  row('keys.go_chats', ['G', 'C'], 'keys.then', 'keys KeyG', 'keys KeyC'),
  row('keys.go_settings', ['G', 'S'], 'keys.then', 'keys KeyS'),
  row('keys.escape', ['Esc'], '', 'keys Escape', 'Composer Escape'),
  row('keys.show', ['?'], '', 'keys ?'),
]
