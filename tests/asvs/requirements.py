"""What OWASP ASVS 5.0 asks of files, accounts, sessions, access, tokens and OpenID Connect, in our words, and what is
not met.

https://github.com/OWASP/ASVS/tree/v5.0.0 has the requirements themselves; who judges a server reads them there.
"""

from typing import NamedTuple


class Requirement(NamedTuple):
    number: str
    level: int
    words: str
    # Sections of docs/ that meet it: for requirements that ask for words.
    documented: tuple[str, ...] = ()
    # What is missing, and why.
    lacking: str = ""
    # Why it has nothing to do with this server.
    foreign: str = ""


class Chapter(NamedTuple):
    title: str
    # Whether every requirement of the chapter stands here.
    whole: bool
    requirements: list[Requirement]


R = Requirement

_GUESSING = "sessions.md#guessed-passwords"
_WAYS = "sessions.md#ways-to-sign-in"
_LASTING = "sessions.md#how-long-a-session-lasts"
_NO_PHONE = "No codes are sent to a phone, as SMS or otherwise."
_NO_PUSH = "Nothing is confirmed on a second device; the codes of an app are made by the app alone."
_NO_DPOP = "Tokens are bearers': whoever has one may use it. DPoP and mutual TLS are not there yet."

_NOT_UNPACKED = "Nothing that people upload is unpacked; archives are files to be saved like any other."

CHAPTERS = [
    Chapter("V5 Files", True, [
        R("5.1.1", 2, "Which files are taken, how large they may be and how they are made harmless is written down",
          ("media.md#tus-10", "media.md#files", "media-images.md#what-is-taken")),
        R("5.2.1", 1, "No file is larger than this server can bear"),
        R("5.2.2", 1, "A file's content is what it is said to be", lacking=
          "Kinds are told by content alone and names count for nothing, so a name may end as another kind of file "
          "does: what is shown is shown by its content, and all else is only saved."),
        R("5.2.3", 2, "What archives unfold to is bounded before they are unpacked", foreign=_NOT_UNPACKED),
        R("5.2.4", 3, "Nobody fills the store, by size or by number", lacking=
          "Bytes are bounded, and uploads that are not finished; the number of finished files only by the bytes."),
        R("5.2.5", 3, "No archive brings links to other files", foreign=_NOT_UNPACKED),
        R("5.2.6", 3, "Pictures of too many pixels are refused"),
        R("5.3.1", 1, "No file that was uploaded is run by the server when somebody asks for it"),
        R("5.3.2", 1, "No path is made of a name that somebody gave"),
        R("5.3.3", 3, "Paths within what is unpacked lead nowhere", foreign=_NOT_UNPACKED),
        R("5.4.1", 2, "Names of files are cleaned, and answers say under which one to save"),
        R("5.4.2", 2, "Names in headers can't be more than names"),
        R("5.4.3", 2, "Files are looked at by a scanner for viruses", lacking=
          "Where the operator has ClamAV and says so (KAIF_CLAMD); then nothing is taken without it."),
    ]),
    Chapter("V6 Signing in", True, [
        R("6.1.1", 1, "How guessing is slowed, and how the owner is not locked out, is written down", (_GUESSING,)),
        R("6.1.2", 2, "Words of this server that make no password are written down", (_WAYS,)),
        R("6.1.3", 2, "All ways to sign in, and how strong each is, are written down", (_WAYS,)),
        R("6.2.1", 1, "A password has at least eight characters"),
        R("6.2.2", 1, "People can change their password"),
        R("6.2.3", 1, "That takes the present password"),
        R("6.2.4", 1, "The 3000 passwords that are tried first are refused", lacking=
          "Beside a second factor, where eight characters do, 17,950 listed passwords are refused, and with anything "
          "around 40,000 words of them. Of fifteen characters, as a password alone has, the list has only some dozens; "
          "the others are refused by rule, and a longer list is the operator's to give (KAIF_BREACHED_PASSWORDS)."),
        R("6.2.5", 1, "Any characters make a password; no kinds of them are asked for"),
        R("6.2.6", 1, "What is typed as a password is not shown"),
        R("6.2.7", 1, "Passwords may be pasted, and browsers and managers may fill them in"),
        R("6.2.8", 1, "A password is compared as it was given, whole and in its case", lacking=
          "On purpose, its letters are normalised (NFKC, as NIST SP 800-63B-4 wants): another keyboard may write the "
          "same letter with other code points."),
        R("6.2.9", 2, "Passwords of 64 characters and more are taken"),
        R("6.2.10", 2, "A password does not run out"),
        R("6.2.11", 2, "Words of this server, and what others know of the person, make no password"),
        R("6.2.12", 2, "Breached passwords are refused", lacking=
          "Only with a list that the operator gives (KAIF_BREACHED_PASSWORDS); nobody else is asked."),
        R("6.3.1", 1, "Guessing and lists of leaked passwords are slowed, as it is written", (_GUESSING,)),
        R("6.3.2", 1, "No account is there by default"),
        R("6.3.3", 2, "Signing in takes two factors", lacking=
          "It does where the operator requires it, of operators or of everyone, and where people have turned it on. "
          "That is not so from the beginning; a password alone has fifteen characters instead of eight."),
        R("6.3.4", 2, "No way in is weaker than the others: the second step is asked on each"),
        R("6.3.5", 3, "People are told of attempts that look odd", lacking=
          "Of a new device or network, yes. Of wrong passwords and wrong codes only the audit log tells."),
        R("6.3.6", 3, "Mail is no factor", lacking=
          "Nobody signs in by a letter, and it takes no second step away. But without a second step, whoever reads the "
          "person's mail may set a new password."),
        R("6.3.7", 3, "People are told when a way into their account, or their address, changes"),
        R("6.3.8", 3, "Whether there is an account can't be told from a refusal, nor from how long it takes", lacking=
          "Of an address nothing is told. Usernames are public, people are found by them: registering says that one is "
          "taken."),
        R("6.4.1", 1, "Secrets that the server makes for a beginning are random, short-lived and good once"),
        R("6.4.2", 1, "There are no hints and no secret questions", foreign="There are none."),
        R("6.4.3", 2, "A forgotten password is replaced safely, and the second step stays"),
        R("6.4.4", 2, "Who has lost a factor is asked for as much as when it was added", (
            "operating.md#the-operators-pages",), lacking=
          "A recovery code is proof. Without one the operator removes the second step, and how they make sure of the "
          "person is up to them."),
        R("6.4.5", 3, "People are told in time before a way to sign in runs out", lacking=
          "Passwords, apps and passkeys don't. API keys do: the list says so, but no letter."),
        R("6.4.6", 3, "Operators may force a reset, but choose nobody's password"),
        R("6.5.1", 2, "A code of an app, and a recovery code, is good once"),
        R("6.5.2", 2, "Recovery codes are stored as a slow hash, or have 112 bits", lacking=
          "They have 80 random bits, out of reach of guessing, and are kept as a fast hash (HMAC) under a key that is "
          "not in the database."),
        R("6.5.3", 2, "Recovery codes and secrets of apps are made by a secure generator"),
        R("6.5.4", 2, "Codes have at least 20 bits"),
        R("6.5.5", 2, "Codes of an app are good for 30 seconds", lacking=
          "One step earlier or later is taken too (RFC 6238, 5.2): phones' clocks are off."),
        R("6.5.6", 3, "Every factor can be taken back"),
        R("6.5.7", 3, "A fingerprint or a face is never all there is", foreign=
          "They stay on the person's device, where they unlock a passkey."),
        R("6.5.8", 3, "Codes are judged by the server's clock"),
        R("6.6.1", 2, "Codes by SMS only beside something better", foreign=_NO_PHONE),
        R("6.6.2", 2, "A code that was sent fits the sign-in that it was sent for", foreign=_NO_PHONE),
        R("6.6.3", 2, "Guessing a code that was sent is limited", foreign=_NO_PHONE),
        R("6.6.4", 3, "Nobody is flooded with questions on their phone", foreign=_NO_PUSH),
        R("6.7.1", 3, "Keys that check signatures of people can't be exchanged", lacking=
          "Passkeys' public keys are rows of the database: whoever may write there may change them."),
        R("6.7.2", 3, "A challenge has at least 64 bits and never comes again"),
        R("6.8.1", 2, "One sign-in service can't speak for people of another"),
        R("6.8.2", 2, "What a service says is believed only with its signature"),
        R("6.8.3", 2, "A SAML assertion is good once", foreign="There is no SAML."),
        R("6.8.4", 2, "How somebody has signed in elsewhere is checked where it matters, or taken for the weakest", (
            "sign-in-services.md#what-people-see",)),
    ]),
    Chapter("V7 Sessions", True, [
        R("7.1.1", 2, "How long a session lasts is written down, with the reasons", (_LASTING,)),
        R("7.1.2", 2, "How many sessions an account may have is written down", (_LASTING,)),
        R("7.1.3", 2, "What single sign-on does to sessions is written down", (
            "sign-in-with-kaif.md#what-people-see", "sign-in-services.md#what-people-see")),
        R("7.2.1", 1, "Tokens are judged by the server"),
        R("7.2.2", 1, "Sessions have tokens of their own, made for them"),
        R("7.2.3", 1, "Tokens of sessions have 128 bits and more, of a secure generator"),
        R("7.2.4", 1, "Signing in makes a new token, and ends the one before", lacking=
          "Each sign-in has a session of its own. The one that the browser had before, and the token of a session in "
          "which somebody proves again who they are, stay good."),
        R("7.3.1", 2, "A session that is not used ends"),
        R("7.3.2", 2, "A session ends some day, however it is used"),
        R("7.4.1", 1, "What has ended is of no use any more"),
        R("7.4.2", 1, "All sessions end with the account"),
        R("7.4.3", 2, "Whoever changes a way to sign in can end all other sessions"),
        R("7.4.4", 2, "Signing out is easy to find"),
        R("7.4.5", 2, "Operators can end somebody's sessions"),
        R("7.5.1", 2, "Changing what signs people in asks again who is there"),
        R("7.5.2", 2, "People see their sessions and end them", lacking=
          "Ending one asks for nothing more: whoever sees a stranger's session should be quick."),
        R("7.5.3", 3, "What is dangerous asks again who is there"),
        R("7.6.1", 2, "Applications and this server agree on when somebody must sign in anew"),
        R("7.6.2", 2, "No session opens without something that the person does"),
    ]),
    Chapter("V8 Access", True, [
        R("8.1.1", 1, "Who may do what is written down", ("operating.md#roles", "api-keys.md#using-one")),
        R("8.1.2", 2, "Who may see and change which details is written down", (
            "operating.md#the-operators-pages", "sign-in-with-kaif.md#what-an-application-does")),
        R("8.1.3", 3, "What else is looked at, such as address and device, is written down", (
            _GUESSING, "sessions.md#where-one-is-signed-in")),
        R("8.1.4", 3, "What follows from it is written down", (_GUESSING, "sessions.md#where-one-is-signed-in")),
        R("8.2.1", 1, "A use case is for those who are permitted it"),
        R("8.2.2", 1, "A thing is for those whose thing it is"),
        R("8.2.3", 2, "A detail is for those whom it concerns"),
        R("8.2.4", 3, "Where somebody comes from counts, at the sign-in and later", lacking=
          "It counts at the sign-in. A session is not judged by where it is used from."),
        R("8.3.1", 1, "The server decides, whatever a client says"),
        R("8.3.2", 3, "A change of what somebody may do counts at once"),
        R("8.3.3", 3, "A program that acts for somebody may do no more than they"),
        R("8.4.1", 2, "Tenants are kept apart", foreign="A server has one community; there are no tenants."),
        R("8.4.2", 3, "Operators' pages have several locks", lacking=
          "A permission and a fresh sign-in, wherever they come from. What device they use is not judged."),
    ]),
    Chapter("V9 Tokens that say something", True, [
        R("9.1.1", 1, "Nothing that a token says counts before its signature is checked"),
        R("9.1.2", 1, "Only algorithms that are expected are taken; never none, and no mix of kinds of keys"),
        R("9.1.3", 1, "A token does not say by which key it is checked"),
        R("9.2.1", 1, "A token counts within its time"),
        R("9.2.2", 2, "A token counts as what it is"),
        R("9.2.3", 2, "A token counts with those for whom it was made"),
        R("9.2.4", 2, "A token that we make says for whom it is"),
    ]),
    Chapter("V10 OAuth and OpenID Connect", True, [
        R("10.1.1", 2, "Tokens reach only those who need them: no script of a page does"),
        R("10.1.2", 2, "What comes back belongs to a sign-in that this very browser began"),
        R("10.2.1", 2, "As a client: nobody is made to finish a stranger's sign-in"),
        R("10.2.2", 2, "As a client: no service passes itself off as another"),
        R("10.2.3", 3, "As a client: no more is asked for than is needed"),
        R("10.3.1", 2, "An interface takes tokens that are meant for it"),
        R("10.3.2", 2, "A token opens what its scopes say"),
        R("10.3.3", 2, "A token names people by what never changes hands"),
        R("10.3.4", 2, "What needs a fresh sign-in looks at when that was"),
        R("10.3.5", 3, "A stolen access token is worth nothing", lacking=_NO_DPOP),
        R("10.4.1", 1, "People are sent only where the application was registered, letter by letter"),
        R("10.4.2", 1, "A code is good once; a second time takes back what it gave"),
        R("10.4.3", 1, "A code is good for a minute"),
        R("10.4.4", 1, "An application gets the grants that it needs; none by password, none in the address"),
        R("10.4.5", 1, "A refresh token is good once; a second time ends all that came of it"),
        R("10.4.6", 2, "PKCE is asked of everyone, by S256"),
        R("10.4.7", 2, "Applications that register themselves are not trusted", foreign=
          "The operator adds every application."),
        R("10.4.8", 2, "Refreshing ends some day"),
        R("10.4.9", 2, "People end what they have given to an application"),
        R("10.4.10", 2, "An application with a secret proves itself by it"),
        R("10.4.11", 2, "An application gets the scopes that the operator has given it"),
        R("10.4.12", 3, "An application gets its answers in the way that is expected"),
        R("10.4.13", 3, "Requests are pushed before people are sent (PAR)", lacking=
          "Not there yet. A request in the address holds no secret; PKCE and the registered address bind its answer."),
        R("10.4.14", 3, "Access tokens are bound to who got them", lacking=_NO_DPOP),
        R("10.4.15", 3, "People can't change authorization details", foreign="There are none (RFC 9396)."),
        R("10.4.16", 3, "Applications prove themselves by a key", lacking=
          "By a secret of 256 bits, of which the server keeps a hash. Keys and mutual TLS are not there yet."),
        R("10.5.1", 2, "As a client: an ID token is for this sign-in alone"),
        R("10.5.2", 2, "As a client: people are known by their subject, never by name or address"),
        R("10.5.3", 2, "As a client: an issuer that calls itself otherwise is refused"),
        R("10.5.4", 2, "As a client: an ID token for somebody else is refused"),
        R("10.5.5", 2, "As a client: a logout by a service can't be forged", foreign="Services end no sessions here."),
        R("10.6.1", 2, "As a provider: answers hold a code, never a token"),
        R("10.6.2", 2, "As a provider: nobody is signed out by a link", foreign="Applications sign nobody out here."),
        R("10.7.1", 2, "Nothing is given without the person's word; a program that anybody could be asks each time"),
        R("10.7.2", 2, "People read who asks, for what, and for how long", lacking="For how long is not said."),
        R("10.7.3", 2, "People see what they have allowed, change it and end it", lacking=
          "They end all of it, and allow less the next time; single things can't be taken back."),
    ]),
    Chapter("Of V1, what comes in", False, [
        R("1.3.6", 2, "No address that somebody names leads into the operator's own network"),
    ]),
    Chapter("Of V2, business logic", False, [
        R("2.3.2", 2, "What has a limit is limited, also for many at once"),
        R("2.3.3", 2, "An act is done whole or not at all"),
        R("2.3.5", 3, "What weighs most takes two people", lacking=
          "Everything that an operator may do, one may do alone."),
    ]),
    Chapter("Of V3, the browser", False, [
        R("3.3.3", 2, "Cookies have the prefix __Host-"),
        R("3.4.1", 1, "Browsers come back by HTTPS alone, for a year, to subdomains too"),
        R("3.4.3", 2, "A page runs only scripts that the server has put there"),
        R("3.4.6", 2, "Nothing can be framed"),
        R("3.4.7", 3, "Browsers report what a page was kept from"),
        R("3.4.8", 3, "A page shares its window with no other site"),
        R("3.5.1", 1, "Requests of other sites' pages do nothing"),
        R("3.5.2", 1, "A form of another site can't make a request that counts"),
        R("3.5.3", 1, "GET changes nothing"),
    ]),
    Chapter("Of V11, cryptography", False, [
        R("11.3.4", 3, "A nonce is used once"),
        R("11.4.2", 2, "Passwords are stored as a slow hash of today's strength"),
    ]),
    Chapter("Of V13, configuration", False, [
        R("13.3.1", 2, "Secrets are kept by something made for that, and never with the data", lacking=
          "In files that their owner alone reads, or that a vault puts there (NAME_FILE); sealed in the database under "
          "a key that it does not hold. No vault is spoken to."),
    ]),
    Chapter("Of V14, data", False, [
        R("14.2.1", 1, "No token, key or password stands in an address that a server is asked for"),
        R("14.2.8", 3, "Pictures lose what they say of place and camera", lacking=
          "Whoever is shown a picture or film gets none of it; whoever sends one as a file sends it as it is, on "
          "purpose, and the owner's own copy keeps it."),
        R("14.3.1", 1, "Signing out empties the browser"),
        R("14.3.2", 2, "Browsers keep no answers about people"),
    ]),
    Chapter("Of V16, logs and errors", False, [
        R("16.2.5", 2, "No secret reaches a log"),
        R("16.4.1", 2, "Nobody writes a line of their own into a log"),
        R("16.4.2", 2, "Nobody changes the audit log unseen"),
        R("16.5.3", 2, "What can't be judged is refused"),
    ]),
]  # fmt: skip
