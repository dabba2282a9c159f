/* bench_corpus.c: documents for the index benches (bench_corpus.h). */
#include "tests/bench/bench_corpus.h"
#include <math.h>
#include <string.h>
#include "lib/mail/message.h"

#define MAILBOXES 70000
#define SENTENCE_MAX 300 /* bytes */

struct mail {
    char *subject, *from, *to, *body, *attachments;
    gsize raw, length;
    gboolean has_attachment;
};
struct bench_corpus {
    GPtrArray *mails;              /* struct mail *, in order of path */
    GPtrArray *sentences[2];       /* char *: 0 Latin, 1 Chinese */
};

static void
mail_free(gpointer data)
{
    struct mail *mail = data;

    g_free(mail->subject);
    g_free(mail->from);
    g_free(mail->to);
    g_free(mail->body);
    g_free(mail->attachments);
    g_free(mail);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_files(const char *dir, GPtrArray *out)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *name;

    while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
        char *path = g_build_filename(dir, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            list_files(path, out);
            g_free(path);
        } else {
            g_ptr_array_add(out, path);
        }
    }
}

static gboolean
is_chinese(const char *s, gsize n)
{
    gsize wide = 0;

    for (gsize i = 0; i < n; i++)
        wide += (guint8)s[i] >= 0xe4 && (guint8)s[i] <= 0xe9;
    return wide * 6 > n;
}

/* add_sentences - the lines and sentences of a body to the two pools */
static void
add_sentences(struct bench_corpus *corpus, const char *body)
{
    const char *start = body;

    for (const char *s = body;; s = g_utf8_next_char(s)) {
        gunichar c = g_utf8_get_char(s);
        gsize n = (gsize)(s - start);
        if (c != 0 && c != '\n' && c != '.' && c != 0x3002 && n < SENTENCE_MAX)
            continue;
        if (n > 12)
            g_ptr_array_add(corpus->sentences[is_chinese(start, n)], g_strndup(start, n));
        if (c == 0)
            return;
        start = g_utf8_next_char(s);
    }
}

static struct mail *
read_mail(const char *path)
{
    char *content;
    gsize length;

    if (!g_file_get_contents(path, &content, &length, NULL))
        return NULL;
    g_autoptr(GBytes) bytes = g_bytes_new_take(content, length);
    struct message *message = message_new(bytes, NULL);
    struct mail *mail = g_new0(struct mail, 1);
    mail->raw = length;
    mail->subject = g_strdup(message_header_utf8(message, "Subject"));
    mail->from = g_strdup(message_header_utf8(message, "From"));
    mail->to = g_strdup(message_header_utf8(message, "To"));
    mail->body = g_strdup(message_text(message, &mail->length));
    mail->has_attachment = message_has_attachment(message);
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < message_part_count(message); i++) {
        const struct message_part *part = message_part(message, i);
        if (part->is_attachment && part->filename != NULL)
            g_string_append_printf(names, "%s\n", part->filename);
    }
    mail->attachments = g_string_free(names, FALSE);
    message_free(&message);
    return mail;
}

struct bench_corpus *
bench_corpus_new(const char *dir, guint max)
{
    static const char *const folders[] = {"ham", "spam", "zh-ham", "zh-spam"};
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    struct bench_corpus *corpus = g_new0(struct bench_corpus, 1);

    corpus->mails = g_ptr_array_new_with_free_func(mail_free);
    for (int i = 0; i < 2; i++)
        corpus->sentences[i] = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(dir, folders[i], NULL);
        list_files(path, paths);
    }
    g_ptr_array_sort(paths, by_name);
    for (guint i = 0; i < paths->len && corpus->mails->len < max; i++) {
        struct mail *mail = read_mail(g_ptr_array_index(paths, i));
        if (mail == NULL)
            continue;
        g_ptr_array_add(corpus->mails, mail);
        add_sentences(corpus, mail->body);
    }
    if (corpus->sentences[0]->len > 0 && corpus->sentences[1]->len > 0)
        return corpus;
    bench_corpus_free(corpus);
    return NULL;
}

void
bench_corpus_free(struct bench_corpus *corpus)
{
    if (corpus == NULL)
        return;
    g_ptr_array_unref(corpus->mails);
    for (int i = 0; i < 2; i++)
        g_ptr_array_unref(corpus->sentences[i]);
    g_free(corpus);
}

guint
bench_corpus_real(const struct bench_corpus *corpus)
{
    return corpus->mails->len;
}

void
bench_document_init(struct bench_document *document)
{
    memset(document, 0, sizeof(*document));
    document->text = g_string_sized_new(65536);
}

void
bench_document_clear(struct bench_document *document)
{
    g_string_free(document->text, TRUE);
}

void
bench_unique_word(guint n, char word[16])
{
    g_snprintf(word, 16, "unique%uq", n);
}

void
bench_mailbox(guint n, char mailbox[48])
{
    g_snprintf(mailbox, 48, "user%u@site%u.example", n, n % 997);
}

/* some_mailbox - number r of the pool, r squared thrice: a few people write most mail */
static guint
some_mailbox(GRand *rand)
{
    return (guint)(pow(g_rand_double(rand), 4) * MAILBOXES);
}

static void
fill_addresses(GRand *rand, struct bench_document *d)
{
    guint n = 2 + (guint)(g_rand_double(rand) * g_rand_double(rand) * 5);

    for (guint i = 0; i < n; i++) {
        bench_mailbox(some_mailbox(rand), d->mailboxes[i]);
        d->addresses[i] = (struct index_address){i == 0 ? INDEX_FROM : INDEX_RCPT, TRUE, d->mailboxes[i]};
    }
    d->document.addresses = d->addresses;
    d->document.n_addresses = n;
}

/* mix - body and subject from sentences, as long as the real mail model */
static void
mix(struct bench_corpus *corpus, GRand *rand, guint n, const struct mail *model, struct bench_document *d)
{
    const GPtrArray *pool = corpus->sentences[g_rand_int_range(rand, 0, 5) < 2];
    char word[16];
    gsize length = MIN(model->length, 60000);

    bench_unique_word(n, word);
    g_string_printf(d->text, "%s\n", word);
    do {
        g_string_append(d->text, g_ptr_array_index(pool, (guint)g_rand_int_range(rand, 0, (gint)pool->len)));
        g_string_append_c(d->text, '\n');
    } while (d->text->len < length);
    g_strlcpy(d->subject, g_ptr_array_index(pool, (guint)g_rand_int_range(rand, 0, (gint)pool->len)), 60);
    char *end;
    if (!g_utf8_validate(d->subject, -1, (const char **)&end))
        *end = '\0';
    g_snprintf(d->from, sizeof(d->from), "%s", d->mailboxes[0]);
    g_snprintf(d->to, sizeof(d->to), "%s", d->mailboxes[1]);
    d->document.subject = d->subject;
    d->document.body = d->text->str;
    d->document.from = d->from;
    d->document.to = d->to;
    d->document.has_attachment = model->has_attachment;
    d->document.attachments = model->attachments;
}

void
bench_corpus_fill(struct bench_corpus *corpus, guint n, struct bench_document *d)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(n + 1);
    const struct mail *mail =
        g_ptr_array_index(corpus->mails, n < corpus->mails->len
                                             ? n
                                             : (guint)g_rand_int_range(rand, 0, (gint)corpus->mails->len));

    d->raw = 0;
    d->document = (struct index_document){0};
    fill_addresses(rand, d);
    if (n < corpus->mails->len) {
        d->raw = mail->raw;
        d->document.subject = mail->subject;
        d->document.body = mail->body;
        d->document.from = mail->from;
        d->document.to = mail->to;
        d->document.attachments = mail->attachments;
        d->document.has_attachment = mail->has_attachment;
    } else {
        mix(corpus, rand, n, mail, d);
    }
    d->words = strlen(d->document.body) + (d->document.subject != NULL ? strlen(d->document.subject) : 0);
}
