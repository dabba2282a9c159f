/* Real Chinese mail in GB2312 and Big5, many with a boundary that never occurs, as index_document: the text must come out as
 * Chinese. The corpus is outside of the tree (POSTERN_CORPUS, by default ../shared/corpus beside the repository); without it
 * the test counts as skipped. */
#include "tests/unit/server/test.h"
#include <stdlib.h>
#include "archive-store/server/document.h"

#define FILES 150

static char *folder;

static gboolean
is_chinese(const char *text)
{
    guint wide = 0, bad = 0;

    for (; *text; text = g_utf8_next_char(text)) {
        gunichar u = g_utf8_get_char(text);
        wide += u >= 0x4e00 && u <= 0x9fff;
        bad += u == 0xfffd;
    }
    return wide >= 5 && bad * 20 < wide;
}

static void
test_chinese(void **state)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    guint files = 0, chinese = 0;

    (void)state;
    assert_non_null(dir);
    for (const char *name; files < FILES && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char *contents;
        gsize length;
        if (!g_file_get_contents(path, &contents, &length, NULL))
            continue;
        struct capture *capture = capture_new();
        capture->message = g_bytes_new_take(contents, length);
        struct document *document = document_new(1, capture);
        files++;
        chinese += is_chinese(document->text);
        document_free(&document);
        capture_free(&capture);
    }
    g_dir_close(dir);
    assert_true(files > 20);
    if (chinese * 100 < files * 95)
        fail_msg("only %u of %u Chinese messages came out as Chinese", chinese, files);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chinese)};
    const char *set = g_getenv("POSTERN_CORPUS");

    folder = g_build_filename(set ? set : SOURCE_ROOT "/../shared/corpus", "zh-ham", "ccert-cdsce", NULL);
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        print_message("skipped: no corpus at %s (set POSTERN_CORPUS)\n", folder);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
