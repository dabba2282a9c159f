/* dkim_body.c: the canonical body in one pass, and its hashes.
 *
 * The body is taken line by line. As long as lines are canonical as they lie, they lengthen one run; what differs
 * flushes the run and goes out as pieces. Empty lines are held back until a line follows them. Of each form one hash
 * runs; where a limit (l=) falls, its state is copied and finished there. */
#include "lib/mail/auth/dkim_canon.h"
#include <openssl/evp.h>
#include <string.h>

#define FORMS 2u /* simple, relaxed */

struct wanted {
    enum dkim_canon canon;
    guint64 limit;
    gboolean done;
    guint8 digest[DKIM_DIGEST_BYTES];
};

/* One canonical form under way. */
struct form {
    enum dkim_canon canon;
    GArray *wanted;       /* struct wanted, borrowed */
    EVP_MD_CTX *hash;     /* NULL: no hash, see text */
    GString *text;        /* the octets themselves, or NULL */
    guint64 length;       /* octets given out */
    guint64 next_limit;   /* the lowest limit not reached */
    guint64 empty_lines;  /* held back */
    const char *run;      /* canonical as it lies, not given out; NULL = none */
    gsize run_length;
};

struct dkim_body_hashes {
    GArray *wanted; /* struct wanted */
    guint64 length[FORMS];
};

/* ---- where octets go ---- */

static void
finish_hash(const EVP_MD_CTX *hash, guint8 *digest)
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();

    if (copy == NULL || EVP_MD_CTX_copy_ex(copy, hash) != 1 || EVP_DigestFinal_ex(copy, digest, NULL) != 1)
        g_error("SHA-256: no memory");
    EVP_MD_CTX_free(copy);
}

/* Finishes the hashes whose limit is reached (all: those that are left), and finds the next limit. */
static void
take_digests(struct form *form, gboolean all)
{
    form->next_limit = DKIM_BODY_ALL;
    for (guint i = 0; form->wanted != NULL && i < form->wanted->len; i++) {
        struct wanted *wanted = &g_array_index(form->wanted, struct wanted, i);
        if (wanted->canon != form->canon || wanted->done)
            continue;
        if (all || wanted->limit <= form->length) {
            finish_hash(form->hash, wanted->digest);
            wanted->done = TRUE;
        } else
            form->next_limit = MIN(form->next_limit, wanted->limit);
    }
}

static void
put(struct form *form, const char *data, gsize length)
{
    if (form->text != NULL)
        g_string_append_len(form->text, data, (gssize)length);
    while (form->hash != NULL && length > 0) {
        gsize part = (gsize)MIN((guint64)length, form->next_limit - form->length);
        EVP_DigestUpdate(form->hash, data, part);
        form->length += part;
        data += part;
        length -= part;
        if (form->length == form->next_limit)
            take_digests(form, FALSE);
    }
    form->length += length; /* without a hash */
}

static void
flush_run(struct form *form)
{
    if (form->run != NULL)
        put(form, form->run, form->run_length);
    form->run = NULL;
}

/* ---- lines ---- */

/* Empty lines that turned out not to be the last. */
static void
put_empty_lines(struct form *form)
{
    static const char lines[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

    for (; form->empty_lines > 0;) {
        guint64 n = MIN(form->empty_lines, (sizeof lines - 1) / 2);
        put(form, lines, (gsize)n * 2);
        form->empty_lines -= n;
    }
}

/* Runs of white space become one space; what is between them goes out as it lies. */
static void
put_relaxed(struct form *form, const char *at, const char *end)
{
    while (at < end) {
        const char *word = at;
        /* A single space between words may stay where it is. */
        while (at < end && *at != '\t' && !(*at == ' ' && at + 1 < end && (at[1] == ' ' || at[1] == '\t')))
            at++;
        put(form, word, (gsize)(at - word));
        if (at == end)
            return;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        put(form, " ", 1);
    }
}

/* Whether the relaxed form of the text (no white space at its end) is the text. */
static gboolean
is_relaxed(const char *line, gsize length)
{
    return memchr(line, '\t', length) == NULL && memmem(line, length, "  ", 2) == NULL;
}

/* A line: its text without the line end (of raw_length octets in all); closed: it had one. */
static void
take_line(struct form *form, const char *line, gsize length, gsize raw_length, gboolean closed)
{
    gsize kept = length;

    if (form->canon == DKIM_RELAXED)
        while (kept > 0 && (line[kept - 1] == ' ' || line[kept - 1] == '\t'))
            kept--;
    if (kept == 0) {
        flush_run(form);
        form->empty_lines += closed;
        return;
    }
    if (form->empty_lines > 0)
        put_empty_lines(form);
    gboolean as_it_lies = kept == length && raw_length == length + 2 &&
                          (form->canon == DKIM_SIMPLE || is_relaxed(line, length));
#ifdef POSTERN_PLANTED_BUGS
    if (length > 3 && memcmp(line, "BUG", 3) == 0)
        as_it_lies = TRUE;
#endif
    if (as_it_lies) {
        if (form->run == NULL) {
            form->run = line;
            form->run_length = 0;
        }
        form->run_length += raw_length;
        return;
    }
    flush_run(form);
    if (form->canon == DKIM_RELAXED)
        put_relaxed(form, line, line + kept);
    else
        put(form, line, kept);
    put(form, "\r\n", 2); /* also where the body ends without one (RFC 6376 3.4.3, 3.4.4) */
}

/* A block of whole lines; only the body's last block may end without a line end. */
static void
take_block(struct form *form, const char *at, const char *end)
{
    while (at < end) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        const char *stop = newline != NULL ? newline : end, *next = newline != NULL ? newline + 1 : end;
        if (newline != NULL && stop > at && stop[-1] == '\r')
            stop--;
        take_line(form, at, (gsize)(stop - at), (gsize)(next - at), newline != NULL);
        at = next;
    }
    flush_run(form);
}

/* The simple form of a body of no or only empty lines is one line end. */
static void
finish_form(struct form *form)
{
    if (form->canon == DKIM_SIMPLE && form->length == 0)
        put(form, "\r\n", 2);
    take_digests(form, TRUE);
}

static void
run_forms(struct form *forms, guint n, const char *body, gsize length)
{
    const char *end = length > 0 ? body + length : body; /* body may be NULL */

    while (body < end) {
        const char *stop = end;
        if ((gsize)(end - body) > DKIM_BODY_BLOCK) {
            const char *newline = memchr(body + DKIM_BODY_BLOCK, '\n', (gsize)(end - body) - DKIM_BODY_BLOCK);
            stop = newline != NULL ? newline + 1 : end;
        }
        for (guint i = 0; i < n; i++)
            take_block(&forms[i], body, stop);
        body = stop;
    }
    for (guint i = 0; i < n; i++)
        finish_form(&forms[i]);
}

/* ---- the interface ---- */

struct dkim_body_hashes *
dkim_body_hashes_new(void)
{
    struct dkim_body_hashes *hashes = g_new0(struct dkim_body_hashes, 1);

    hashes->wanted = g_array_new(FALSE, TRUE, sizeof(struct wanted));
    return hashes;
}

void
dkim_body_hashes_free(struct dkim_body_hashes **hashes)
{
    if (*hashes == NULL)
        return;
    g_array_unref((*hashes)->wanted);
    g_clear_pointer(hashes, g_free);
}

guint
dkim_body_hashes_add(struct dkim_body_hashes *hashes, enum dkim_canon canon, guint64 limit)
{
    guint i;

    for (i = 0; i < hashes->wanted->len; i++) {
        const struct wanted *wanted = &g_array_index(hashes->wanted, struct wanted, i);
        if (wanted->canon == canon && wanted->limit == limit)
            return i;
    }
    g_array_append_vals(hashes->wanted, &(struct wanted){.canon = canon, .limit = limit}, 1);
    return i;
}

static gboolean
is_wanted(const struct dkim_body_hashes *hashes, enum dkim_canon canon)
{
    for (guint i = 0; i < hashes->wanted->len; i++)
        if (g_array_index(hashes->wanted, struct wanted, i).canon == canon)
            return TRUE;
    return FALSE;
}

void
dkim_body_hashes_run(struct dkim_body_hashes *hashes, const char *body, gsize length)
{
    struct form forms[FORMS] = {0};
    guint n = 0;

    for (guint canon = 0; canon < FORMS; canon++) {
        if (!is_wanted(hashes, canon))
            continue;
        struct form *form = &forms[n++];
        form->canon = canon;
        form->wanted = hashes->wanted;
        form->hash = EVP_MD_CTX_new();
        if (form->hash == NULL || EVP_DigestInit_ex(form->hash, EVP_sha256(), NULL) != 1)
            g_error("SHA-256 is not to be had");
        take_digests(form, FALSE); /* limits of 0 */
    }
    run_forms(forms, n, body, length);
    for (guint i = 0; i < n; i++) {
        hashes->length[forms[i].canon] = forms[i].length;
        EVP_MD_CTX_free(forms[i].hash);
    }
}

const guint8 *
dkim_body_hashes_digest(const struct dkim_body_hashes *hashes, guint number)
{
    return g_array_index(hashes->wanted, struct wanted, number).digest;
}

guint64
dkim_body_hashes_length(const struct dkim_body_hashes *hashes, guint number)
{
    return hashes->length[g_array_index(hashes->wanted, struct wanted, number).canon];
}

void
dkim_canon_body(enum dkim_canon canon, const char *body, gsize length, GString *out)
{
    struct form form = {.canon = canon, .text = out};

    run_forms(&form, 1, body, length);
}
