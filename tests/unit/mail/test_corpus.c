/* test_corpus.c: all real mail of the corpus: nothing crashes, all text is valid, spans tile, trees are as
 * GMime sees them.
 *
 * The corpus is outside of the tree (POSTERN_CORPUS, by default ../shared/corpus beside the repository);
 * where it is absent the tests are skipped. Of the big folders every n-th message is read, so that this takes
 * seconds; POSTERN_CORPUS_ALL=1 reads all, POSTERN_CORPUS_VERBOSE=1 names the messages that differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/message.h"

static GPtrArray *files; /* char * */
static char *corpus;
static gboolean absent;

static void
collect(const char *path, guint *count, guint step)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (dir == NULL)
        return;
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_dir_close(dir);
    g_ptr_array_sort(names, (GCompareFunc)(void (*)(void))g_strcmp0);
    for (guint i = 0; i < names->len; i++) {
        char *child = g_ptr_array_index(names, i);

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            collect(child, count, step);
        else if (*count += 1, *count % step == 0)
            g_ptr_array_add(files, g_strdup(child));
    }
}

static void
collect_folder(const char *folder, guint step)
{
    g_autofree char *path = g_build_filename(corpus, folder, NULL);
    guint count = 0;

    collect(path, &count, g_getenv("POSTERN_CORPUS_ALL") != NULL ? 1 : step);
}

static int
set_up(void **state)
{
    const char *set = g_getenv("POSTERN_CORPUS");

    (void)state;
    files = g_ptr_array_new_with_free_func(g_free);
    corpus = g_strdup(set != NULL ? set : SOURCE_ROOT "/../shared/corpus");
    if (!g_file_test(corpus, G_FILE_TEST_IS_DIR)) {
        absent = TRUE;
        printf("no corpus at %s: skipped (set POSTERN_CORPUS)\n", corpus);
        return 0;
    }
    collect_folder("mime-torture", 1);
    collect_folder("ham", 12);
    collect_folder("spam", 12);
    collect_folder("zh-ham", 6);
    collect_folder("zh-spam", 6);
    collect_folder("auth-suites/mail-dkim", 1);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    g_ptr_array_unref(files);
    g_free(corpus);
    return 0;
}

static GBytes *
load(const char *path)
{
    char *data;
    gsize length;

    return g_file_get_contents(path, &data, &length, NULL) ? g_bytes_new_take(data, length) : NULL;
}

/* ---- what holds for every message ---- */

static void
assert_utf8(const char *path, const char *what, const char *text, gsize length)
{
    if (!g_utf8_validate(text, (gssize)length, NULL))
        fail_msg("%s: %s is not UTF-8", path, what);
}

static void
assert_tiles(const char *path, const struct message *m)
{
    gsize at = message_header_offset(m), body = message_body_offset(m), size;
    const char *data = g_bytes_get_data(message_bytes(m), &size);

    if (message_limit(m) == MESSAGE_LIMIT_HEADER_BYTES || message_limit(m) == MESSAGE_LIMIT_HEADERS)
        return;
    for (guint i = 0; i < message_header_count(m); i++) {
        const struct header_field *field = message_header(m, i);

        if (field->raw.offset != at || field->name.offset != at ||
            field->value.offset + field->value.length != at + field->raw.length || field->name.length == 0 ||
            field->value.offset <= at + field->name.length || data[field->value.offset - 1] != ':')
            fail_msg("%s: field %u does not tile", path, i);
        at += field->raw.length;
    }
    if (at != body && !(body - at == 1 && data[at] == '\n') && !(body - at == 2 && memcmp(data + at, "\r\n", 2) == 0))
        fail_msg("%s: header block and body do not meet", path);
}

static void
check_parts(const char *path, struct message *m)
{
    gsize size = g_bytes_get_size(message_bytes(m));

    for (guint i = 0; i < message_part_count(m); i++) {
        const struct message_part *part = message_part(m, i);
        g_autoptr(GBytes) content = message_part_content(m, i, 1 << 20);

        assert_true(g_bytes_get_size(content) <= 1 << 20);
        assert_true(part->raw.offset <= size && part->raw.length <= size - part->raw.offset);
        assert_true(strchr(part->type, '/') != NULL);
        if (part->filename != NULL)
            assert_utf8(path, "a file name", part->filename, strlen(part->filename));
    }
}

static void
check_headers(const char *path, struct message *m)
{
    static const char *const names[] = {"Subject", "From", "To", "Cc", "Received", "List-Id", "X-Mailer"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = message_header_utf8(m, names[i]);
        const struct header_field *field = message_find_header(m, names[i], 0);
        g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);

        if (value == NULL)
            continue;
        assert_utf8(path, names[i], value, strlen(value));
        assert_null(strpbrk(value, "\r\n"));
        address_parse_list((const char *)g_bytes_get_data(message_bytes(m), NULL) + field->value.offset,
                           field->value.length, 1000, list);
        for (guint j = 0; j < list->len; j++) {
            const struct address *address = g_ptr_array_index(list, j);
            g_autofree char *normal = address_normalise(address->mailbox);

            assert_utf8(path, "a name", address->name, strlen(address->name));
            assert_utf8(path, "a mailbox", normal, strlen(normal));
        }
    }
}

static void
every_message_is_read(void **state)
{
    guint dated = 0, bare = 0;

    (void)state;
    if (files->len == 0)
        skip();
    for (guint i = 0; i < files->len; i++) {
        const char *path = g_ptr_array_index(files, i), *text;
        g_autoptr(GBytes) bytes = load(path);
        struct message *m;
        gsize length;

        if (bytes == NULL)
            continue;
        m = message_new(bytes, NULL);
        assert_tiles(path, m);
        check_parts(path, m);
        check_headers(path, m);
        text = message_text(m, &length);
        assert_utf8(path, "the text", text, length);
        dated += message_date(m) >= 0;
        bare += message_header_count(m) == 0;
        message_free(&m);
    }
    printf("%u messages, %u with a date, %u without headers\n", files->len, dated, bare);
    assert_true(dated * 10 > files->len * 7);
}

/* ---- Chinese ---- */

/* The sixteen most frequent characters and some of every letter. */
static gboolean
is_chinese(const char *text)
{
    static const char *const usual[] = {"的", "我", "你", "您", "是", "不", "了", "在", "有", "人", "一", "公", "到", "為",
                                        "好", "回", "信", "大", "上", "这", "這", "来", "來", "要", "可", "以", "请", "請"};

    for (gsize i = 0; i < G_N_ELEMENTS(usual); i++)
        if (strstr(text, usual[i]) != NULL)
            return TRUE;
    return FALSE;
}

static void
chinese_mail_is_chinese(void **state)
{
    guint all = 0, chinese = 0, replaced = 0, with_subject = 0;

    (void)state;
    if (files->len == 0)
        skip();
    for (guint i = 0; i < files->len; i++) {
        const char *path = g_ptr_array_index(files, i), *text, *subject;
        g_autoptr(GBytes) bytes = strstr(path, "/zh-ham/") != NULL ? load(path) : NULL;
        struct message *m;

        if (bytes == NULL)
            continue;
        m = message_new(bytes, NULL);
        all++;
        text = message_text(m, NULL);
        subject = message_header_utf8(m, "Subject");
        with_subject += subject != NULL && strstr(subject, "\xef\xbf\xbd") == NULL;
        replaced += strstr(text, "\xef\xbf\xbd") != NULL;
        if (is_chinese(text) || (subject != NULL && is_chinese(subject)))
            chinese++;
        else if (g_getenv("POSTERN_CORPUS_VERBOSE") != NULL)
            printf("not Chinese: %s\n", path);
        message_free(&m);
    }
    printf("zh-ham: %u of %u read as Chinese, %u with characters that could not be read, %u subjects whole\n", chinese, all,
           replaced, with_subject);
    assert_true(chinese * 100 >= all * 99);
    assert_true(replaced * 100 <= all * 5);
}

/* ---- GMime as the reference ---- */

/* One line per part: type and the decoded length of leaves. */
static void
describe_gmime(GMimeObject *object, guint depth, GString *out)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    g_autofree char *name = g_mime_content_type_get_mime_type(type);
    g_autofree char *lower = g_ascii_strdown(name, -1);

    g_string_append_printf(out, "%u %s", depth, lower);
    if (GMIME_IS_MULTIPART(object)) {
        gint count = g_mime_multipart_get_count(GMIME_MULTIPART(object));

        g_string_append_c(out, '\n');
        for (gint i = 0; i < count && depth < 100; i++)
            describe_gmime(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1, out);
        return;
    }
    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));

        g_string_append_c(out, '\n');
        if (message != NULL && g_mime_message_get_mime_part(message) != NULL)
            describe_gmime(g_mime_message_get_mime_part(message), depth + 1, out);
        return;
    }
    if (GMIME_IS_PART(object) && g_mime_part_get_content(GMIME_PART(object)) != NULL) {
        GMimeStream *stream = g_mime_stream_mem_new();

        g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(object)), stream);
        g_string_append_printf(out, " %" G_GINT64_FORMAT, g_mime_stream_length(stream));
        g_object_unref(stream);
    }
    g_string_append_c(out, '\n');
}

static void
describe_own(struct message *m, GString *out)
{
    for (guint i = 0; i < message_part_count(m); i++) {
        const struct message_part *part = message_part(m, i);

        g_string_append_printf(out, "%u %s", part->depth, part->type);
        if (!part->is_container && !g_str_has_prefix(part->type, "multipart/")) {
            g_autoptr(GBytes) content = message_part_content(m, i, G_MAXUINT / 2);

            g_string_append_printf(out, " %zu", g_bytes_get_size(content));
        }
        g_string_append_c(out, '\n');
    }
}

/* 1 same, 0 not, -1 GMime finds no message there at all. */
static int
same_tree(const char *path, GBytes *bytes)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    struct message *m = message_new(bytes, NULL);
    gsize skip = message_header_offset(m);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data + skip, size - skip);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *reference = g_mime_parser_construct_message(parser, NULL);
    g_autoptr(GString) own = g_string_new(NULL), theirs = g_string_new(NULL);
    int same;

    describe_own(m, own);
    if (reference != NULL && g_mime_message_get_mime_part(reference) != NULL)
        describe_gmime(g_mime_message_get_mime_part(reference), 0, theirs);
    same = theirs->len == 0 ? -1 : strcmp(own->str, theirs->str) == 0;
    if (same == 0 && g_getenv("POSTERN_CORPUS_VERBOSE") != NULL)
        printf("== %s\n-- own\n%s-- GMime\n%s", path, own->str, theirs->str);
    g_clear_object(&reference);
    g_object_unref(parser);
    g_object_unref(stream);
    message_free(&m);
    return same;
}

static void
trees_are_as_gmime_sees_them(void **state)
{
    guint real = 0, real_same = 0, torture = 0, torture_same = 0;

    (void)state;
    if (files->len == 0)
        skip();
    g_mime_init();
    for (guint i = 0; i < files->len; i++) {
        const char *path = g_ptr_array_index(files, i);
        g_autoptr(GBytes) bytes = load(path);
        gboolean is_torture = strstr(path, "/mime-torture/") != NULL;
        int same;

        if (bytes == NULL)
            continue;
        same = same_tree(path, bytes);
        if (same < 0)
            continue;
        *(is_torture ? &torture : &real) += 1;
        *(is_torture ? &torture_same : &real_same) += (guint)same;
    }
    printf("same parts, types and decoded sizes as GMime: real mail %u of %u, torture %u of %u\n", real_same, real,
           torture_same, torture);
    assert_true(real_same * 1000 >= real * 990);
    assert_true(torture_same * 100 >= torture * 93);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read),
        cmocka_unit_test(chinese_mail_is_chinese),
        cmocka_unit_test(trees_are_as_gmime_sees_them),
    };

    int failed = cmocka_run_group_tests(tests, set_up, tear_down);

    return failed != 0 ? 1 : absent ? 77 : 0; /* 77: meson counts it as skipped */
}
