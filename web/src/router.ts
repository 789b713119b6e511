import { createRouter } from 'sv-router'
import { watchBack, whileNavigating } from './lib/layers'
import { session } from './lib/session.svelte'
import Chats from './screens/Chats.svelte'
import Shell from './screens/Shell.svelte'
import SignIn from './screens/SignIn.svelte'

// What is not needed to sign in and to chat is fetched when somebody goes there.
const Authorize = () => import('./screens/Authorize.svelte')
const Bots = () => import('./screens/Bots.svelte')
const Confirm = () => import('./screens/Confirm.svelte')
const Erased = () => import('./screens/Erased.svelte')
const Forgot = () => import('./screens/Forgot.svelte')
const OperatorApplication = () => import('./screens/operator/Application.svelte')
const OperatorApplications = () => import('./screens/operator/Applications.svelte')
const OperatorAudit = () => import('./screens/operator/AuditLog.svelte')
const OperatorHome = () => import('./screens/operator/OperatorHome.svelte')
const OperatorInvitations = () => import('./screens/operator/Invitations.svelte')
const OperatorParkedEvents = () => import('./screens/operator/ParkedEvents.svelte')
const OperatorStorage = () => import('./screens/operator/Storage.svelte')
const OperatorPeople = () => import('./screens/operator/People.svelte')
const OperatorPerson = () => import('./screens/operator/Person.svelte')
const OperatorProviders = () => import('./screens/operator/Providers.svelte')
const OperatorReport = () => import('./screens/operator/Report.svelte')
const OperatorReports = () => import('./screens/operator/Reports.svelte')
const OperatorShell = () => import('./screens/operator/OperatorShell.svelte')
const OperatorSigningIn = () => import('./screens/operator/SigningIn.svelte')
const Reset = () => import('./screens/Reset.svelte')
const Unsubscribe = () => import('./screens/Unsubscribe.svelte')
const Notifications = () => import('./screens/Notifications.svelte')
const Privacy = () => import('./screens/Privacy.svelte')
const Settings = () => import('./screens/Settings.svelte')
const Security = () => import('./screens/Security.svelte')
const Join = () => import('./screens/Join.svelte')
const SetUp = () => import('./screens/SetUp.svelte')
const SignInCallback = () => import('./screens/SignInCallback.svelte')
const SignUp = () => import('./screens/SignUp.svelte')

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

const router = createRouter({
  '/setup': SetUp,
  // Links of letters, for whoever opens them: signed in, or not, or as somebody else.
  '/confirm': Confirm,
  '/reset': Reset,
  '/unsubscribe': Unsubscribe,
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
    '/storage': OperatorStorage,
    layout: OperatorShell,
    hooks: members,
  },
  '/': {
    '/': Chats,
    '/chat/:id': Chats,
    '/chat/:id/:seq': Chats,
    '/chat/:id/comments/:post': Chats,
    '/chat/:id/topic/:topic': Chats,
    '/chat/:id/topic/:topic/:seq': Chats,
    '/settings': Settings,
    '/settings/security': Security,
    '/settings/privacy': Privacy,
    '/settings/notifications': Notifications,
    '/settings/bots': Bots,
    layout: Shell,
    hooks: members,
  },
  '*': Chats,
})

export const { p, route, isActive } = router

export const navigate = ((...to: Parameters<typeof router.navigate>) =>
  whileNavigating(() => router.navigate(...to).catch(unlessOvertaken))) as typeof router.navigate

/**
 * Whoever goes on before they have arrived is not told of an error. sv-router 0.16 has the step that was overtaken wait
 * for itself, which each engine says in words of its own.
 */
function unlessOvertaken(error: unknown): void {
  if (!(error instanceof TypeError && /cycle|itself/.test(error.message))) throw error
}

watchBack(() => route.pathname)
