/* lmtp.c: see lmtp.h. */
#include "lib/mail/lmtp.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/net.h"

struct dialogue {
    int fd;
    gint64 deadline_us;
    GString *in;  /* what came and was not yet read */
    char *last;   /* the last reply's text */
};

/* ---- replies ---- */

/* One line without its end: "250-text" (1), "250 text" or "250" (0), else -1. */
static int
reply_line(const char *line, gsize length, int *code_r)
{
    if (length < 3 || line[0] < '2' || line[0] > '5' || !g_ascii_isdigit(line[1]) || !g_ascii_isdigit(line[2]))
        return -1;
    *code_r = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (length == 3 || line[3] == ' ')
        return 0;
    return line[3] == '-' ? 1 : -1;
}

gssize
lmtp_reply(const char *text, gsize length, int *code_r)
{
    gsize at = 0;

    while (at < length) {
        const char *end = memchr(text + at, '\n', length - at);
        gsize line = end != NULL ? (gsize)(end - text) - at : 0;
        int more;
        if (end == NULL)
            break;
        if (line > 0 && text[at + line - 1] == '\r')
            line--;
        more = reply_line(text + at, line, code_r);
        at = (gsize)(end - text) + 1;
#ifdef POSTERN_PLANTED_BUGS
        if (more == 0 && *code_r % 10 == 9)
            at++;
#endif
        if (more <= 0)
            return more < 0 ? -1 : (gssize)at;
    }
    return length >= LMTP_REPLY_MAX ? -1 : 0;
}

/* ---- the dialogue ---- */

static int
left_ms(const struct dialogue *dialogue)
{
    return (int)CLAMP((dialogue->deadline_us - g_get_monotonic_time()) / 1000, 0, G_MAXINT);
}

/* Appends what has come to in. */
static gboolean
receive(struct dialogue *dialogue)
{
    struct pollfd pfd = {.fd = dialogue->fd, .events = POLLIN};
    char piece[2048];
    ssize_t got;

    if (poll(&pfd, 1, left_ms(dialogue)) <= 0)
        return FALSE;
    got = recv(dialogue->fd, piece, MIN(sizeof piece, LMTP_REPLY_MAX - dialogue->in->len), MSG_DONTWAIT);
    if (got > 0)
        g_string_append_len(dialogue->in, piece, got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The code of the next reply, its text in last; 0 when none comes. */
static int
read_reply(struct dialogue *dialogue)
{
    gssize length;
    int code = 0;

    g_clear_pointer(&dialogue->last, g_free);
    while ((length = lmtp_reply(dialogue->in->str, dialogue->in->len, &code)) == 0)
        if (!receive(dialogue)) {
            dialogue->last = g_strdup(left_ms(dialogue) == 0 ? "the server is too slow" : "the server closed the connection");
            return 0;
        }
    if (length < 0) {
        dialogue->last = g_strdup("the server does not speak LMTP");
        return 0;
    }
    dialogue->last = g_strndup(dialogue->in->str, (gsize)length);
    g_strchomp(dialogue->last);
    g_string_erase(dialogue->in, 0, length);
    return code;
}

static gboolean
write_all(struct dialogue *dialogue, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;

    if (net_write_full(dialogue->fd, text, length, left_ms(dialogue), &error))
        return TRUE;
    g_free(dialogue->last);
    dialogue->last = g_strdup(error->message);
    return FALSE;
}

/* Sends a command and waits for its reply. LMTP_DELIVERED: a code of the class that was hoped for. */
static enum lmtp_outcome
command(struct dialogue *dialogue, const char *text, int class)
{
    int code = write_all(dialogue, text, strlen(text)) ? read_reply(dialogue) : 0;

    if (code / 100 == class)
        return LMTP_DELIVERED;
    return code / 100 == 5 ? LMTP_REFUSED : LMTP_LATER;
}

/* Lines that begin with a dot get another (RFC 5321 4.5.2). Caller frees. */
static GString *
dot_stuffed(const GString *text)
{
    GString *out = g_string_new_len(text->str, (gssize)text->len);

    g_string_replace(out, "\r\n.", "\r\n..", 0);
    if (out->str[0] == '.')
        g_string_prepend_c(out, '.');
    if (!g_str_has_suffix(out->str, "\r\n"))
        g_string_append(out, "\r\n");
    return g_string_append(out, ".\r\n");
}

static enum lmtp_outcome
converse(struct dialogue *dialogue, const char *sender, const char *recipient, const GString *text)
{
    g_autofree char *hello = g_strdup_printf("LHLO %s\r\n", g_get_host_name()), *from = g_strdup_printf("MAIL FROM:<%s>\r\n", sender);
    g_autofree char *to = g_strdup_printf("RCPT TO:<%s>\r\n", recipient);
    g_autoptr(GString) data = dot_stuffed(text);
    enum lmtp_outcome outcome;

    if (read_reply(dialogue) != 220 || command(dialogue, hello, 2) != LMTP_DELIVERED)
        return LMTP_LATER; /* it refuses us, not the mail */
    outcome = command(dialogue, from, 2);
    if (outcome == LMTP_DELIVERED)
        outcome = command(dialogue, to, 2);
    if (outcome == LMTP_DELIVERED)
        outcome = command(dialogue, "DATA\r\n", 3);
    return outcome == LMTP_DELIVERED ? command(dialogue, data->str, 2) : outcome;
}

/* What can stand between the angle brackets as it is. */
static gboolean
is_plain(const char *address)
{
    for (; *address != '\0'; address++)
        if ((guchar)*address <= ' ' || (guchar)*address >= 0x7f || *address == '<' || *address == '>')
            return FALSE;
    return TRUE;
}

enum lmtp_outcome
lmtp_deliver(const char *address, const char *sender, const char *recipient, const GString *text, int timeout_ms, char **why_r)
{
    struct dialogue dialogue = {.deadline_us = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000)};
    g_autoptr(GError) error = NULL;
    enum lmtp_outcome outcome;

    *why_r = NULL;
    if (*recipient == '\0' || !is_plain(recipient) || !is_plain(sender)) {
        *why_r = g_strdup("the address can't be written without SMTPUTF8");
        return LMTP_REFUSED;
    }
    dialogue.fd = net_connect(address, timeout_ms, &error);
    if (dialogue.fd < 0) {
        *why_r = g_strdup(error->message);
        return LMTP_LATER;
    }
    dialogue.in = g_string_new(NULL);
    outcome = converse(&dialogue, sender, recipient, text);
    if (outcome == LMTP_DELIVERED)
        (void)!send(dialogue.fd, "QUIT\r\n", strlen("QUIT\r\n"), MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        *why_r = g_steal_pointer(&dialogue.last);
    g_free(dialogue.last);
    g_string_free(dialogue.in, TRUE);
    close(dialogue.fd);
    return outcome;
}
