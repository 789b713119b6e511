import app from './app.json'
import audit from './audit.json'
import bots from './bots.json'
import chat from './chat.json'
import chats from './chats.json'
import files from './files.json'
import messages from './messages.json'
import operator from './operator.json'
import problems from './problems.json'
import reports from './reports.json'
import security from './security.json'
import settings from './settings.json'
import signingIn from './signing-in.json'

export default {
  ...app,
  ...audit,
  ...bots,
  ...chat,
  ...chats,
  ...files,
  ...messages,
  ...operator,
  ...problems,
  ...reports,
  ...security,
  ...settings,
  ...signingIn,
}
