/* signin_request.c: the JSON of Dovecot's auth policy. Jansson bounds the depth (2048) and refuses NULs, bytes that are no UTF-8 and what
 * follows the object. */
#include "policyd/signin/signin_request.h"
#include <jansson.h>
#include <string.h>

/* Takes a string member. FALSE: it is of another type, or too long. */
static gboolean
take_text(const json_t *object, const char *name, gsize max, char **text_r)
{
    const json_t *member = json_object_get(object, name);

    if (member != NULL && (!json_is_string(member) || json_string_length(member) > max))
        return FALSE;
    *text_r = g_strdup(member != NULL ? json_string_value(member) : "");
    return TRUE;
}

static gboolean
take_flag(const json_t *object, const char *name, gboolean *flag_r, gboolean *told_r)
{
    const json_t *member = json_object_get(object, name);

    if (member != NULL && !json_is_boolean(member))
        return FALSE;
    *flag_r = json_is_true(member);
    *told_r = member != NULL;
    return TRUE;
}

/* Whoever sends a longer one can't sign in with it, but is counted. */
static gboolean
take_user(const json_t *object, struct signin_request *request)
{
    g_autofree char *login = NULL, *lower = NULL;
    const char *end;

    if (!take_text(object, "login", SIGNIN_BODY_MAX, &login))
        return FALSE;
    lower = g_utf8_strdown(login, -1);
    g_utf8_validate(lower, (gssize)MIN(strlen(lower), SIGNIN_USER_MAX), &end);
    request->user = g_strndup(lower, (gsize)(end - lower));
    return TRUE;
}

static enum signin_fail
fail_of(const char *type)
{
    static const char *const guesses[] = {"credentials", "account", "disabled", NULL};

    if (*type == '\0')
        return SIGNIN_FAIL_UNTOLD;
    return g_strv_contains(guesses, type) ? SIGNIN_FAIL_GUESS : SIGNIN_FAIL_OTHER;
}

/* Mechanisms that keep the password to themselves (CRAM-MD5, SCRAM) have one hash for all passwords, so it tells nothing. */
static void
drop_empty_hash(const char *mech, struct signin_request *request)
{
    static const char *const with_password[] = {"", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"};

    for (guint i = 0; i < G_N_ELEMENTS(with_password); i++)
        if (g_ascii_strcasecmp(mech, with_password[i]) == 0)
            return;
    *request->pwhash = '\0';
}

static gboolean
take_all(const json_t *object, struct signin_request *request)
{
    g_autofree char *type = NULL, *mech = NULL;
    gboolean told;

    if (!take_user(object, request) || !take_text(object, "remote", SIGNIN_TEXT_MAX, &request->remote) ||
        !take_text(object, "pwhash", SIGNIN_TEXT_MAX, &request->pwhash) || !take_text(object, "protocol", SIGNIN_TEXT_MAX, &request->protocol) ||
        !take_text(object, "session_id", SIGNIN_TEXT_MAX, &request->session) || !take_text(object, "fail_type", SIGNIN_TEXT_MAX, &type) ||
        !take_text(object, "mech", SIGNIN_TEXT_MAX, &mech) ||
        !take_flag(object, "policy_reject", &request->rejected, &told) || !take_flag(object, "success", &request->success, &request->told))
        return FALSE;
    request->fail = fail_of(type);
    drop_empty_hash(mech, request);
    return TRUE;
}

struct signin_request *
signin_request_parse(const char *body, gsize length, const char **problem_r)
{
    struct signin_request *request;
    json_t *object;

    *problem_r = "too long";
    if (length > SIGNIN_BODY_MAX)
        return NULL;
    object = json_loadb(body, length, 0, NULL);
    *problem_r = "no JSON object";
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    request = g_new0(struct signin_request, 1);
    if (!take_all(object, request)) {
        *problem_r = "a value of another type than Dovecot sends, or too long";
        signin_request_free(g_steal_pointer(&request));
    }
#ifdef POSTERN_PLANTED_BUGS
    if (request != NULL && *request->session != '\0' && strlen(request->session) < 5)
        request->session[strlen(request->session) + 1] = '\0'; /* planted: behind its memory */
#endif
    json_decref(object);
    if (request != NULL)
        *problem_r = NULL;
    return request;
}

void
signin_request_free(struct signin_request *request)
{
    if (request == NULL)
        return;
    g_free(request->user);
    g_free(request->remote);
    g_free(request->pwhash);
    g_free(request->protocol);
    g_free(request->session);
    g_free(request);
}
