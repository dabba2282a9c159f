/* signin.h: who may try to sign in: what failed sign-ins say of users, of networks, and of the two together.
 *
 * Networks are /24 and /64, as greylisting tells them apart. A network that a user has signed in from is known for that user. What is
 * counted, and what it stops:
 *   pair     wrong passwords of a user from a network                  that user from there
 *   user     wrong passwords of a user from networks not known for it  the user from all networks that aren't known
 *   network  wrong passwords of all users for whom it isn't known      all users for whom it isn't known
 * So guessing that is spread over many networks does not lock out the owner, and a network of good users and bad neighbours lets the good
 * ones in. Each count has a limit in a window; from a quarter of it on sign-ins are delayed (1, 2, 4 .. seconds), at it they are refused.
 * The same wrong password again counts once (guesses.h). A network that goes on becomes a ban (bans.h). Thread-safe; nothing here blocks. */
#pragma once
#include "lib/mail/config.h"
#include "policyd/signin/signin_request.h"
#include "policyd/state/state.h"

struct signin;
/* state is borrowed. config: its section signin counts. */
struct signin *signin_new(struct state *state, const struct config *config);
/* Who is told from where accounts sign in (abuse_saw_network); borrowed. Before anybody asks. */
struct abuse;
void signin_set_abuse(struct signin *signin, struct abuse *abuse);
void signin_free(struct signin **signin); /* NULL-safe; nobody may be inside */
/* Takes the limits, networks and times of another configuration. Listener, key and ban file stay as they are. */
void signin_reload(struct signin *signin, const struct config *config);

enum signin_reason {
    SIGNIN_GOOD,      /* nothing is known against it */
    SIGNIN_TRUSTED,   /* from signin.allow_networks, or without an address */
    SIGNIN_SUSPENDED, /* the account's sign-in is */
    SIGNIN_BANNED,
    SIGNIN_NETWORK,
    SIGNIN_USER,
    SIGNIN_PAIR,
    SIGNIN_TROUBLE,   /* it can't be told */
    SIGNIN_REASONS
};
extern const char *const signin_reasons[]; /* names, for log and metrics */

struct signin_answer {
    int status; /* as Dovecot takes it: -1 refuse, 0 go on, else seconds to wait */
    enum signin_reason reason;
    gboolean known;   /* the network, for the user */
    gboolean again;   /* the second question about the sign-in, after the password was right */
    guint pair, user, network; /* counted, with those under way */
};
/* Before the password is looked at, and once more when it was right. */
void signin_allow(struct signin *signin, const struct signin_request *request, gint64 now_ms, struct signin_answer *answer_r);

enum signin_counted { SIGNIN_SUCCESS, SIGNIN_FAILURE, SIGNIN_REPEATED, SIGNIN_NOT_COUNTED, SIGNIN_COUNTED };
extern const char *const signin_counteds[];
/* How it ended. *banned_r: the network was banned by it. */
enum signin_counted signin_report(struct signin *signin, const struct signin_request *request, gint64 now_ms, gboolean *banned_r);

/* Answers that aren't "go on" and bans as lines of the log, and all of it as figures. */
void signin_note_answer(const struct signin_request *request, const struct signin_answer *answer);
void signin_note_report(const struct signin_request *request, enum signin_counted counted, gboolean banned);

/* "192.0.2.0/24" of an address, or of such a network; NULL when it is neither. Caller frees. */
char *signin_network(const char *text);
