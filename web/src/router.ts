import { createRouter } from 'sv-router'
import { session } from './lib/session.svelte'
import Authorize from './screens/Authorize.svelte'
import Chats from './screens/Chats.svelte'
import Confirm from './screens/Confirm.svelte'
import Erased from './screens/Erased.svelte'
import Forgot from './screens/Forgot.svelte'
import OperatorApplication from './screens/operator/Application.svelte'
import OperatorApplications from './screens/operator/Applications.svelte'
import OperatorAudit from './screens/operator/AuditLog.svelte'
import OperatorHome from './screens/operator/OperatorHome.svelte'
import OperatorInvitations from './screens/operator/Invitations.svelte'
import OperatorParkedEvents from './screens/operator/ParkedEvents.svelte'
import OperatorPeople from './screens/operator/People.svelte'
import OperatorPerson from './screens/operator/Person.svelte'
import OperatorProviders from './screens/operator/Providers.svelte'
import OperatorReport from './screens/operator/Report.svelte'
import OperatorReports from './screens/operator/Reports.svelte'
import OperatorSigningIn from './screens/operator/SigningIn.svelte'
import OperatorShell from './screens/operator/OperatorShell.svelte'
import Reset from './screens/Reset.svelte'
import Privacy from './screens/Privacy.svelte'
import Settings from './screens/Settings.svelte'
import Security from './screens/Security.svelte'
import Join from './screens/Join.svelte'
import SetUp from './screens/SetUp.svelte'
import Shell from './screens/Shell.svelte'
import SignIn from './screens/SignIn.svelte'
import SignInCallback from './screens/SignInCallback.svelte'
import SignUp from './screens/SignUp.svelte'

const guests = {
  beforeLoad() {
    if (session.user) throw navigate('/', { replace: true })
  },
}

const members = {
  beforeLoad() {
    if (!session.user) throw navigate('/sign-in', { replace: true })
  },
}

export const { p, navigate, route, isActive } = createRouter({
  '/setup': SetUp,
  // Links of letters, for whoever opens them: signed in, or not, or as somebody else.
  '/confirm': Confirm,
  '/reset': Reset,
  // Other applications send people here, signed in or not.
  '/oauth/authorize': Authorize,
  '/erased/:id': Erased,
  // Invitations to chats: by a secret after #, or by a public name.
  '/join': Join,
  '/join/:name': Join,
  '/sign-in': { '/': SignIn, hooks: guests },
  // For guests who sign in, and for members who link a service.
  '/sign-in/callback': SignInCallback,
  '/forgot': { '/': Forgot, hooks: guests },
  '/sign-up': { '/': SignUp, hooks: guests },
  '/operator': {
    '/': OperatorHome,
    '/people': OperatorPeople,
    '/people/:id': OperatorPerson,
    '/invitations': OperatorInvitations,
    '/applications': OperatorApplications,
    '/applications/:id': OperatorApplication,
    '/services': OperatorProviders,
    '/reports': OperatorReports,
    '/reports/:id': OperatorReport,
    '/signing-in': OperatorSigningIn,
    '/audit': OperatorAudit,
    '/audit/:id': OperatorAudit,
    '/events': OperatorParkedEvents,
    layout: OperatorShell,
    hooks: members,
  },
  '/': {
    '/': Chats,
    '/chat/:id': Chats,
    '/chat/:id/:seq': Chats,
    '/settings': Settings,
    '/settings/security': Security,
    '/settings/privacy': Privacy,
    layout: Shell,
    hooks: members,
  },
  '*': Chats,
})
