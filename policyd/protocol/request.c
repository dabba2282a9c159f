/* request.c: the lines of a request, and what makes two of them the same question. */
#include "policyd/protocol/request.h"
#include <string.h>
#include "lib/base/siphash.h"

#define NAME(text) {text, sizeof text - 1}

static const struct {
    const char *text;
    gsize length;
} names[POLICY_ATTRIBUTES] = {
    [POLICY_CCERT_SUBJECT] = NAME("ccert_subject"),
    [POLICY_CLIENT_ADDRESS] = NAME("client_address"),
    [POLICY_CLIENT_NAME] = NAME("client_name"),
    [POLICY_CLIENT_PORT] = NAME("client_port"),
    [POLICY_ETRN_DOMAIN] = NAME("etrn_domain"),
    [POLICY_HELO_NAME] = NAME("helo_name"),
    [POLICY_INSTANCE] = NAME("instance"),
    [POLICY_CONTEXT] = NAME("policy_context"),
    [POLICY_PROTOCOL_NAME] = NAME("protocol_name"),
    [POLICY_PROTOCOL_STATE] = NAME("protocol_state"),
    [POLICY_QUEUE_ID] = NAME("queue_id"),
    [POLICY_RECIPIENT] = NAME("recipient"),
    [POLICY_RECIPIENT_COUNT] = NAME("recipient_count"),
    [POLICY_REQUEST] = NAME("request"),
    [POLICY_REVERSE_CLIENT_NAME] = NAME("reverse_client_name"),
    [POLICY_SASL_METHOD] = NAME("sasl_method"),
    [POLICY_SASL_SENDER] = NAME("sasl_sender"),
    [POLICY_SASL_USERNAME] = NAME("sasl_username"),
    [POLICY_SENDER] = NAME("sender"),
    [POLICY_SERVER_ADDRESS] = NAME("server_address"),
    [POLICY_SERVER_PORT] = NAME("server_port"),
    [POLICY_SIZE] = NAME("size"),
    [POLICY_STRESS] = NAME("stress"),
};
const char *const policy_state_names[] = {"CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN", NULL};

const char *
policy_attribute_name(enum policy_attribute attribute)
{
    return names[attribute].text;
}

gboolean
policy_attribute_find(const char *name, gsize length, enum policy_attribute *attribute_r)
{
    for (guint i = 0; i < POLICY_ATTRIBUTES; i++)
        if (names[i].length == length && memcmp(names[i].text, name, length) == 0) {
            *attribute_r = (enum policy_attribute)i;
            return TRUE;
        }
    return FALSE;
}

static enum policy_state
find_state(const char *name)
{
    for (guint i = 0; i < POLICY_STATES; i++)
        if (strcmp(policy_state_names[i], name) == 0)
            return (enum policy_state)i;
    return POLICY_STATES;
}

/* One line, which is ended by a NUL; what is wrong with it, or NULL. */
static const char *
take_line(struct policy_request *request, char *line)
{
    char *equals = strchr(line, '=');
    enum policy_attribute attribute;

    if (equals == NULL || equals == line)
        return "a line without name and \"=\"";
    if (!policy_attribute_find(line, (gsize)(equals - line), &attribute))
        return NULL;
    if (request->values[attribute] != NULL)
        return "an attribute twice";
    *equals = '\0';
    request->values[attribute] = equals + 1;
#ifdef POSTERN_PLANTED_BUGS
    if (attribute == POLICY_SIZE && equals[1] == '9')
        request->text[strlen(equals) + POLICY_REQUEST_MAX] = 'x';
#endif
    return NULL;
}

static const char *
take_lines(struct policy_request *request, gsize length)
{
    const char *problem = memchr(request->text, '\0', length) != NULL ? "a NUL" : NULL;
    guint n = 0;

    for (char *line = request->text, *end = request->text + length; problem == NULL && line < end; n++) {
        char *stop = memchr(line, '\n', (gsize)(end - line));
        if (stop != NULL)
            *stop = '\0';
        problem = n < POLICY_ATTRIBUTES_MAX ? take_line(request, line) : "too many attributes";
        line = stop != NULL ? stop + 1 : end;
    }
    return problem;
}

struct policy_request *
policy_request_parse(const char *text, gsize length, char **problem_r)
{
    struct policy_request *request = g_new0(struct policy_request, 1);
    const char *problem = "too long";

    if (length <= POLICY_REQUEST_MAX) {
        request->text = g_malloc(length + 1);
        if (length > 0)
            memcpy(request->text, text, length);
        request->text[length] = '\0';
        problem = take_lines(request, length);
    }
    for (guint i = 0; i < POLICY_ATTRIBUTES; i++)
        if (request->values[i] == NULL)
            request->values[i] = "";
    if (problem == NULL && strcmp(request->values[POLICY_REQUEST], "smtpd_access_policy") != 0)
        problem = "not request=smtpd_access_policy";
    if (problem != NULL) {
        *problem_r = g_strdup(problem);
        policy_request_free(request);
        return NULL;
    }
    request->state = find_state(request->values[POLICY_PROTOCOL_STATE]);
    return request;
}

void
policy_request_free(struct policy_request *request)
{
    if (request == NULL)
        return;
    g_free(request->text);
    g_free(request);
}

/* Of this process: identities are not compared with those of another. */
static const struct siphash_key *
identity_keys(void)
{
    static struct siphash_key keys[2];
    static gsize made;

    if (g_once_init_enter(&made)) {
        siphash_key_random(&keys[0]);
        siphash_key_random(&keys[1]);
        g_once_init_leave(&made, 1);
    }
    return keys;
}

/* Postfix gives each session and each message in it an instance of its own ("1f3b.65f0..7.0"); the rest tells the questions about it apart. */
static gboolean
identify(const struct policy_request *request, const enum policy_attribute *parts, guint n, guint8 identity_r[16])
{
    const struct siphash_key *keys = identity_keys();
    g_autoptr(GString) text = NULL;

    if (*request->values[POLICY_INSTANCE] == '\0')
        return FALSE;
    text = g_string_sized_new(512);
    for (guint i = 0; i < n; i++) /* with the NUL that ends each */
        g_string_append_len(text, request->values[parts[i]], (gssize)strlen(request->values[parts[i]]) + 1);
    for (guint i = 0; i < 2; i++) {
        guint64 half = siphash(&keys[i], text->str, text->len);
        memcpy(identity_r + 8 * i, &half, sizeof half);
    }
    return TRUE;
}

gboolean
policy_request_identity(const struct policy_request *request, guint8 identity_r[16])
{
    static const enum policy_attribute parts[] = {
        POLICY_INSTANCE, POLICY_PROTOCOL_STATE, POLICY_CLIENT_ADDRESS, POLICY_CLIENT_PORT, POLICY_HELO_NAME, POLICY_QUEUE_ID,
        POLICY_SENDER, POLICY_RECIPIENT, POLICY_RECIPIENT_COUNT, POLICY_SIZE, POLICY_SASL_USERNAME, POLICY_CONTEXT};

    return identify(request, parts, G_N_ELEMENTS(parts), identity_r);
}

gboolean
policy_request_message(const struct policy_request *request, guint8 identity_r[16])
{
    static const enum policy_attribute parts[] = {POLICY_INSTANCE, POLICY_CLIENT_ADDRESS, POLICY_CLIENT_PORT, POLICY_SENDER};

    return identify(request, parts, G_N_ELEMENTS(parts), identity_r);
}

gint64
policy_request_number(const struct policy_request *request, enum policy_attribute attribute)
{
    gint64 number = 0;

    return g_ascii_string_to_signed(request->values[attribute], 10, 0, G_MAXINT64, &number, NULL) ? number : 0;
}
