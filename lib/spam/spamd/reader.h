/* reader.h: requests of spamd's protocol as their bytes come in.
 *
 *     CHECK SPAMC/1.5\r\n
 *     Content-length: 1234\r\n
 *     User: alice\r\n
 *     \r\n
 *     (the message)
 *
 * One request a connection. What spamd 4.0.1 takes and refuses, this takes and refuses, in its words; but requests that are too
 * big, and lines that are too long, are refused before they are read. Of a compressed message the blank lines at its end are
 * kept, which spamd drops. A reader is for one thread at a time. */
#pragma once
#include <glib.h>

#define SPAMD_LINE_MAX 8192u  /* bytes of a line before the message */
#define SPAMD_HEADERS_MAX 256 /* header lines, as spamd */
#define SPAMD_USER_MAX 1024u  /* bytes of a user's name; longer ones are cut */

enum spamd_method {
    SPAMD_CHECK, SPAMD_SYMBOLS, SPAMD_REPORT, SPAMD_REPORT_IFSPAM, SPAMD_HEADERS, SPAMD_PROCESS, SPAMD_PING, SPAMD_SKIP, SPAMD_TELL,
    SPAMD_METHODS,
};
extern const char *const spamd_method_names[]; /* closed by NULL */

/* Statuses of replies, those of sysexits.h */
enum spamd_status { SPAMD_UNAVAILABLE = 69, SPAMD_PROTOCOL = 76, SPAMD_TIMEOUT = 79 };

struct spamd_request {
    enum spamd_method method;
    double version;   /* of the client's protocol; 0 when it is no number */
    char *user;       /* NULL: not said */
    GString *message; /* as it came, decompressed; empty for PING, SKIP, TELL */
    gboolean compressed;
    gsize received;   /* bytes of the message before decompression */
};

enum spamd_state {
    SPAMD_MORE,    /* nothing to do yet */
    SPAMD_READY,   /* the request is whole */
    SPAMD_REFUSED, /* the refusal is to be sent */
};

struct spamd_reader;
/* max_size: bytes of a message, compressed or not. */
struct spamd_reader *spamd_reader_new(gsize max_size);
void spamd_reader_free(struct spamd_reader **reader); /* NULL-safe */
/* After READY or REFUSED further bytes are ignored and the state stays. */
enum spamd_state spamd_reader_feed(struct spamd_reader *reader, const char *bytes, gsize length);
/* The client sends no more. Never MORE. */
enum spamd_state spamd_reader_end(struct spamd_reader *reader);

gboolean spamd_reader_has_line(const struct spamd_reader *reader); /* the first line is there: the request is method .. */
const struct spamd_request *spamd_reader_request(const struct spamd_reader *reader);
const GString *spamd_reader_refusal(const struct spamd_reader *reader); /* NULL unless REFUSED */
