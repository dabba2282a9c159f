/* request.h: one request of Postfix' policy delegation protocol (SMTPD_POLICY_README): lines NAME=VALUE and an empty line.
 *
 * Values are Postfix' own: from smtpd, which takes line ends and controls out of what clients say. Everything else in them is the
 * client's. Names that are not known here are passed over, since each version of Postfix has new ones. */
#pragma once
#include <glib.h>

#define POLICY_REQUEST_MAX 65536u    /* bytes, with the empty line; Postfix' line_length_limit is 2048 for a command */
#define POLICY_ATTRIBUTES_MAX 200u   /* lines; Postfix 3.10 sends 33 */

enum policy_attribute {
    POLICY_CCERT_SUBJECT, POLICY_CLIENT_ADDRESS, POLICY_CLIENT_NAME, POLICY_CLIENT_PORT, POLICY_ETRN_DOMAIN, POLICY_HELO_NAME,
    POLICY_INSTANCE, POLICY_CONTEXT, POLICY_PROTOCOL_NAME, POLICY_PROTOCOL_STATE, POLICY_QUEUE_ID, POLICY_RECIPIENT,
    POLICY_RECIPIENT_COUNT, POLICY_REQUEST, POLICY_REVERSE_CLIENT_NAME, POLICY_SASL_METHOD, POLICY_SASL_SENDER, POLICY_SASL_USERNAME,
    POLICY_SENDER, POLICY_SERVER_ADDRESS, POLICY_SERVER_PORT, POLICY_SIZE, POLICY_STRESS, POLICY_ATTRIBUTES
};
/* "client_address"; for logs and the command line. */
const char *policy_attribute_name(enum policy_attribute attribute);
/* FALSE when it is not known. */
gboolean policy_attribute_find(const char *name, gsize length, enum policy_attribute *attribute_r);

/* Where in the SMTP session Postfix asks. */
enum policy_state {
    POLICY_AT_CONNECT, POLICY_AT_EHLO, POLICY_AT_HELO, POLICY_AT_MAIL, POLICY_AT_RCPT, POLICY_AT_DATA, POLICY_AT_END_OF_MESSAGE,
    POLICY_AT_VRFY, POLICY_AT_ETRN, POLICY_STATES
};
extern const char *const policy_state_names[]; /* as Postfix writes them, NULL-terminated */

struct policy_request {
    char *text;                             /* owns all values */
    const char *values[POLICY_ATTRIBUTES];  /* never NULL; "" where Postfix sent none */
    enum policy_state state;                /* POLICY_STATES: one that is not known here */
};

/* Reads length bytes, the lines without the empty line at the end. NULL, and *problem_r (caller frees; for the log) for what is no
 * request: a line without "=", a NUL, a name twice, too many lines, another request than smtpd_access_policy. Thread-safe. */
struct policy_request *policy_request_parse(const char *text, gsize length, char **problem_r);
void policy_request_free(struct policy_request *request); /* NULL-safe */
/* The same transaction and the same question: what Postfix asks again after a lost answer, or in another of its restriction lists. 16
 * bytes; FALSE when it can't be told (no instance). */
gboolean policy_request_identity(const struct policy_request *request, guint8 identity_r[16]);
/* The message that it is about, whatever is asked; the same with all of its recipients. FALSE when it can't be told. */
gboolean policy_request_message(const struct policy_request *request, guint8 identity_r[16]);
/* A number of an attribute, 0 when it is none. */
gint64 policy_request_number(const struct policy_request *request, enum policy_attribute attribute);
